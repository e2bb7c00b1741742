"""Options that the scorers which compare denoising losses share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, TypicalityScorer
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord


class LossConfig(ComponentConfig):
    """Options of the scorers that compare denoising losses."""

    draws: int = Field(100, ge=2, description="(timestep, noise) draws for each image; the same for all conditions")
    t_min: float = Field(0.1, ge=0, lt=1, description="lowest timestep, as a share of the training steps")
    t_max: float = Field(0.7, gt=0, le=1, description="end of the timesteps' range (not reached), as a share")
    timesteps: Literal["uniform", "stratified"] = Field(
        "uniform", description="independent over the range (the paper), or one in each of as many equal parts of it"
    )
    antithetic: bool = Field(
        False, description="every other draw repeats the timestep before it with the noise negated"
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="standard deviation of a Gaussian blur of the maps, in latent cells; trades detail for less noise",
    )
    batch_size: Annotated[int, OUTSIDE_KEY] = Field(
        16, ge=1, description="forwards at once; halved when memory runs out, without changing results"
    )

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.t_min >= self.t_max:
            raise ValueError(f"t_min = {self.t_min} must be below t_max = {self.t_max}")
        if self.antithetic and self.draws % 2:
            raise ValueError(f"draws = {self.draws} must be even with antithetic noise")
        return self


class LossScorer(TypicalityScorer):
    """A scorer that compares denoising losses under several conditions."""

    Config: ClassVar[type[ComponentConfig]] = LossConfig
    config: LossConfig


def other_labels(record: ImageRecord, labels: Sequence[str], count: int, seed: int) -> tuple[str, ...]:
    """``count`` labels that the image does not have, drawn by the seed and the image's content."""
    others = [label for label in labels if label not in record.labels]
    drawn = numpy_generator(seed, "other labels", record.digest).permutation(len(others))[:count]
    return tuple(others[index] for index in sorted(drawn))
