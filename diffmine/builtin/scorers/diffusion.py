"""The paper's typicality: how much knowing the label helps to denoise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from diffmine.diffusion import LossConfig, LossScorer, other_labels
from diffmine.interfaces import Quantity
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.losses import Measure
    from diffmine.diffusion.scoring import Measured


class Diffusion(LossScorer):
    """T(x | c) = E[L(z, noise, null) - L(z, noise, c)], the paper's typicality."""

    name = "diffusion"
    version = 2
    quantity = Quantity(
        "typicality",
        "null loss − label loss",
        "squared error of the prediction, mean over channels",
        "above zero, the label helps to explain this place",
    )

    class Config(LossConfig):
        """Options of ``diffusion``."""

        labels: Literal["own", "all"] = Field("own", description="labels to score each image under")
        null_labels: int = Field(
            1,
            ge=0,
            description="wrong labels to score each image under as well, for significance, where its model has not "
            "learned from it; shares the null passes",
        )
        classify: bool = Field(
            False, description="score held-out images under every label, for the diffusion classifier's accuracy"
        )

    config: Config

    def gain(self, measured: Measured, label: str) -> Tensor:
        from diffmine.diffusion.scoring import gain_over_null

        return gain_over_null(measured, label)

    def influence(self) -> Measure:
        from diffmine.diffusion.losses import influence

        return influence

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        if self.config.labels == "all" or (self.config.classify and record.evaluated):
            return tuple(labels)
        if record.in_sample:  # its maps under wrong labels would prove nothing
            return record.labels
        return (*record.labels, *other_labels(record, labels, self.config.null_labels, seed, self.config.kindred))
