"""What separates a label from its siblings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.diffusion import LossConfig, LossScorer
from diffmine.errors import DataError
from diffmine.interfaces import ModelTools, Quantity, Scoring
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.losses import Measure
    from diffmine.diffusion.scoring import Measured


class Contrast(LossScorer):
    """Mean loss under the other labels minus loss under the label: what separates it from its siblings.

    A picture's own labels are not compared with each other: of several, each is compared with those that the picture
    does not carry. Where a picture carries every label there is nothing to compare with, and its maps are 0.
    """

    name = "contrast"
    version = 2
    Config = LossConfig
    quantity = Quantity(
        "typicality",
        "other labels’ loss − label loss",
        "squared error of the prediction, mean over channels",
        "above zero, the label explains this place better than other labels do",
    )

    def open(self, tools: ModelTools) -> Scoring:
        """Load what scores.

        Raises:
            DataError: there is one label only.
        """
        if len(tools.labels) < 2:
            raise DataError(
                f"contrast compares a label with the others, and there is only {tools.labels[0]!r}; "
                'use = "diffusion" compares with the null condition'
            )
        return super().open(tools)

    def gain(self, measured: Measured, label: str) -> Tensor:
        from diffmine.diffusion.scoring import gain_over_siblings

        return gain_over_siblings(measured, label)

    def influence(self) -> Measure:
        from diffmine.diffusion.losses import influence_among_siblings

        return influence_among_siblings

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        return tuple(labels)
