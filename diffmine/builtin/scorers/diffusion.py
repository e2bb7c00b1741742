"""The paper's typicality: how much knowing the label helps to denoise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from diffmine.builtin.scorers.settings import LossConfig, LossScorer, other_labels
from diffmine.interfaces import ModelTools, Scoring
from diffmine.types import ImageRecord


class Diffusion(LossScorer):
    """T(x | c) = E[L(z, noise, null) - L(z, noise, c)], the paper's typicality."""

    name = "diffusion"

    class Config(LossConfig):
        """Options of ``diffusion``."""

        labels: Literal["own", "all"] = Field("own", description="labels to score each image under")
        null_labels: int = Field(
            1,
            ge=0,
            description="wrong labels to score each image under as well, for significance; shares the null passes",
        )
        classify: bool = Field(
            False, description="score held-out images under every label, for the diffusion classifier's accuracy"
        )

    config: Config

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine.builtin.scorers.loss_scoring import LossScoring, gain_over_null

        return LossScoring(tools, self.config, gain_over_null)

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        if self.config.labels == "all" or (self.config.classify and record.split == "heldout"):
            return tuple(labels)
        return (*record.labels, *other_labels(record, labels, self.config.null_labels, seed))

    def passes(self, labels: int) -> int:
        return self.config.draws * (1 + labels)
