"""What separates a label from its siblings."""

from __future__ import annotations

from collections.abc import Sequence

from diffmine.builtin.scorers.settings import LossConfig, LossScorer
from diffmine.errors import DataError
from diffmine.interfaces import ModelTools, Scoring
from diffmine.types import ImageRecord


class Contrast(LossScorer):
    """Mean loss under the other labels minus loss under the label: what separates it from its siblings."""

    name = "contrast"
    Config = LossConfig

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
        from diffmine.builtin.scorers.loss_scoring import LossScoring, gain_over_others

        return LossScoring(tools, self.config, gain_over_others)

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        return tuple(labels)

    def passes(self, labels: int) -> int:
        return self.config.draws * (1 + labels)
