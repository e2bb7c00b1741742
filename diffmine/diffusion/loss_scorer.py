"""Scorers that compare denoising losses under several conditions: their options and what they share. No torch."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from diffmine.errors import DiffmineWarning
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, ModelTools, Scoring, TypicalityScorer
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord, Role

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.losses import Measure
    from diffmine.diffusion.scoring import Measured


Weighting = Literal["model", "epsilon", "sample", "v"]
"""What an error of the prediction is an error of."""


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
    weighting: Weighting = Field(
        "model",
        description="what errors are measured of, whatever the model predicts: its own target, the noise (the paper), "
        "the clean latent, or v; timesteps weigh accordingly, and models of several kinds compare in one of these",
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="standard deviation of a Gaussian blur of the maps, in latent cells; trades detail for less noise",
    )
    kindred: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = Field(
        (),
        description="groups of labels that are no wrong labels for each other's images, such as neighbouring decades, "
        "or a country and its regions: they give no null for p-values",
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
    """A scorer that compares denoising losses under several conditions; subclasses say how, in ``gain``.

    Every picture is denoised under the null condition and under each label that it is scored under, with the same
    draws; ``gain`` makes of the losses what is averaged over the draws.
    """

    Config: ClassVar[type[ComponentConfig]] = LossConfig
    config: LossConfig

    @abstractmethod
    def gain(self, measured: Measured, label: str) -> Tensor:
        """What the picture's map under ``label`` is the mean of, for each draw: float32, (draws, h, w).

        Args:
            measured: the losses of one picture (``diffmine.diffusion.scoring.Measured``), on the CPU.
            label: one of the labels that it is scored under.
        """

    def influence(self) -> Measure | None:
        """The measure whose mean over draws is the maps' influence; default: None, the maps have none.

        ``diffmine.diffusion.losses`` has one for gains over the null condition and one for gains over other labels.
        """
        return None

    def measures(self) -> tuple[Measure, ...]:
        """What ``gain`` needs besides losses, such as ``diffmine.diffusion.losses.influence``; default: nothing."""
        return ()

    def role(self, record: ImageRecord, label: str) -> Role:
        if label in record.labels:
            return "own"
        return "other" if label in kin_of(record, self.config.kindred) else "null"

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine.diffusion.scoring import LossScoring

        if strange := sorted({label for group in self.config.kindred for label in group} - set(tools.labels)):
            warnings.warn(
                f"[scorer] kindred names {', '.join(map(repr, strange))}, which no picture of the run has",
                DiffmineWarning,
                stacklevel=2,
            )
        return LossScoring(tools, self.config, self.gain, self.influence(), self.measures())

    def passes(self, labels: int) -> int:
        return self.config.draws * (1 + labels)


def kin_of(record: ImageRecord, kindred: Iterable[Sequence[str]]) -> set[str]:
    """The labels that are in one group with any of the image's own."""
    return {label for group in kindred if not set(record.labels).isdisjoint(group) for label in group}


def other_labels(
    record: ImageRecord, labels: Sequence[str], count: int, seed: int, kindred: Iterable[Sequence[str]] = ()
) -> tuple[str, ...]:
    """``count`` labels that say nothing of the image, drawn by the seed and its content; fewer if there are.

    Args:
        record: the image.
        labels: every label of the run, sorted.
        count: how many are wanted.
        seed: the run's seed.
        kindred: groups of labels; those in one group with a label of the image are left out.
    Returns:
        labels in the order of ``labels``.
    """
    related = kin_of(record, kindred)
    others = [label for label in labels if label not in record.labels and label not in related]
    drawn = numpy_generator(seed, "other labels", record.digest).permutation(len(others))[:count]
    return tuple(others[index] for index in sorted(drawn))
