"""What separates a label from its siblings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from diffmine.diffusion import LossConfig, LossScorer
from diffmine.errors import DataError, RecipeError
from diffmine.interfaces import ModelTools, Quantity, Scoring
from diffmine.types import ImageRecord, Role

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.losses import Measure
    from diffmine.diffusion.scoring import Measured
    from diffmine.recipes.resolving import Components


class Contrast(LossScorer):
    """Mean loss under the other labels minus loss under the label: what separates it from its siblings.

    A picture's own labels are not compared with each other: of several, each is compared with those that the picture
    does not carry. Where a picture carries every label there is nothing to compare with, and its maps are 0.

    With ``against = "parent"`` a label is told from the one above it instead (``[dataset] hierarchy``): the loss under
    the parent minus the loss under the label is T(x | label) - T(x | parent), what is typical of the label beyond its
    parent. Its null are the pictures of its siblings, which carry the same parent.
    """

    name = "contrast"
    version = 2

    class Config(LossConfig):
        """Options of ``contrast``."""

        against: Literal["siblings", "parent"] = Field(
            "siblings",
            description="what a label is compared with: the other labels, or the one above it in the hierarchy "
            "(of a root, the null condition)",
        )

    config: Config
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
        from diffmine.diffusion.scoring import gain_over_parent, gain_over_siblings

        return (gain_over_parent if self._is_against_parents else gain_over_siblings)(measured, label)

    def influence(self) -> Measure:
        from diffmine.diffusion.losses import influence_among_siblings, influence_over_parent

        return influence_over_parent if self._is_against_parents else influence_among_siblings

    def role(self, record: ImageRecord, label: str) -> Role:
        role = super().role(record, label)
        is_far = self._is_against_parents and label not in record.siblings
        return "other" if role == "null" and is_far else role

    def check_recipe(self, components: Components) -> None:
        """See that there are parents to be told from.

        Raises:
            RecipeError: the labels have no hierarchy.
        """
        if self._is_against_parents and components.dataset.config.hierarchy is None:
            raise RecipeError(
                '[scorer] against = "parent" tells labels from those above them, and there are none; name the columns '
                "that hold them: [dataset] hierarchy = [...]"
            )

    @property
    def _is_against_parents(self) -> bool:
        return self.config.against == "parent"

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        return tuple(labels)
