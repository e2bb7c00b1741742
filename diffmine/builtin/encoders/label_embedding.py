"""One learned vector for each label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from diffmine.interfaces import ComponentConfig, ConditioningEncoder, Denoiser, PromptEncoder


class LabelEmbedding(ConditioningEncoder):
    """One learned vector for each label and one for the null condition, trained with the model."""

    name = "label-embedding"

    class Config(ComponentConfig):
        """Options of ``label-embedding``."""

        scale: float = Field(
            1.0,
            gt=0,
            description="standard deviation of the vectors before training, in units of the model's prior if any",
        )

    config: Config

    def load(
        self, denoiser: Denoiser, labels: Sequence[str], *, seed: int, folder: Path | None = None
    ) -> PromptEncoder:
        from diffmine.builtin.encoders.label_vectors import LabelVectors

        if folder is not None:
            return LabelVectors.from_pretrained(folder, labels, denoiser)
        return LabelVectors.random(labels, denoiser, seed=seed, scale=self.config.scale)
