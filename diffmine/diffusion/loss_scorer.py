"""Scorers that compare denoising losses under several conditions: their options and what they share. No torch."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from diffmine.errors import DiffmineWarning
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, ModelTools, Scoring, TypicalityScorer
from diffmine.numerics.racing import totals
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord, Role

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.losses import Measure
    from diffmine.diffusion.scoring import Measured


Weighting = Literal["model", "epsilon", "sample", "v"]
"""What an error of the prediction is an error of."""
VALUES = 4
"""Independent values in a block of draws: enough to tell a trend over timesteps from noise."""


class LossConfig(ComponentConfig):
    """Options of the scorers that compare denoising losses."""

    draws: int | tuple[int, int] = Field(
        100,
        description="(timestep, noise) draws for each image, the same for all conditions; or [first, most]: the first "
        "for every image, and more, up to the most, for those whose patches may still enter or leave the best",
    )
    risk: float = Field(
        0.5,
        gt=0,
        description="of a range of draws: an image has had enough when the chance that one of its patches is on the "
        "wrong side is below this times the share of the most draws that it has had; less is more careful",
    )
    t_min: float = Field(0.1, ge=0, lt=1, description="lowest timestep, as a share of the training steps")
    t_max: float = Field(0.7, gt=0, le=1, description="end of the timesteps' range (not reached), as a share")
    timesteps: Literal["uniform", "stratified"] = Field(
        "uniform", description="independent over the range (the paper), or spread evenly over it, however many"
    )
    antithetic: bool = Field(
        False, description="every other draw repeats the timestep before it with the noise negated"
    )
    shared_draws: bool = Field(
        False,
        description="all pictures of a size have the same draws (the paper's code); what a draw's noise does to all of "
        "them cancels when they are compared, and stays in their mean",
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
    def _consistent(self) -> Self:
        if self.t_min >= self.t_max:
            raise ValueError(f"t_min = {self.t_min} must be below t_max = {self.t_max}")
        (first, most), step = self._range_of_draws, self.step
        least = 4 if self.antithetic else 2
        if first < least:
            raise ValueError(f"draws = {first} must be at least {least}, to tell how sure they are")
        if self.antithetic and (first % 2 or most % 2):
            raise ValueError(f"draws = {self.draws} must be even with antithetic noise")
        if first < most and first % step:
            raise ValueError(
                f"draws = [{first}, {most}]: the first must be a multiple of {step}, as draws come in steps"
            )
        if first > most:
            raise ValueError(f"draws = [{first}, {most}]: the first must not be more than the most")
        return self

    @property
    def rounds(self) -> tuple[int, ...]:
        """The draws that an image has had after each round, at most."""
        return totals(*self._range_of_draws, self.step)

    @property
    def step(self) -> int:
        """The draws in a block, after which maps can be stored and added to."""
        return VALUES * self.per_value

    @property
    def per_value(self) -> int:
        """The draws that count as one independent value."""
        return 2 if self.antithetic else 1

    @property
    def _range_of_draws(self) -> tuple[int, int]:
        return (self.draws, self.draws) if isinstance(self.draws, int) else self.draws


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
        return "other" if label in (*record.related, *kin_of(record, self.config.kindred)) else "null"

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine.diffusion.scoring import LossScoring

        if strange := sorted({label for group in self.config.kindred for label in group} - set(tools.labels)):
            warnings.warn(
                f"[scorer] kindred names {', '.join(map(repr, strange))}, which no picture of the run has",
                DiffmineWarning,
                stacklevel=2,
            )
        return LossScoring(tools, self.config, self.gain, self.influence(), self.measures())

    @property
    def rounds(self) -> tuple[int, ...]:
        return self.config.rounds

    @property
    def risk(self) -> float:
        return self.config.risk

    def passes(self, labels: int) -> int:
        return self.rounds[-1] * (1 + labels)


def kin_of(record: ImageRecord, kindred: Iterable[Sequence[str]]) -> set[str]:
    """The labels that are in one group with any of the image's own."""
    return {label for group in kindred if not set(record.labels).isdisjoint(group) for label in group}


def other_labels(
    record: ImageRecord, labels: Sequence[str], count: int, seed: int, kindred: Iterable[Sequence[str]] = ()
) -> tuple[str, ...]:
    """``count`` labels that say nothing of the image, drawn by the seed and its content; fewer if there are.

    Args:
        record: the image; its ``related`` labels are left out.
        labels: every label of the run, sorted.
        count: how many are wanted.
        seed: the run's seed.
        kindred: groups of labels; those in one group with a label of the image are left out.
    Returns:
        labels in the order of ``labels``.
    """
    left_out = {*record.labels, *record.related, *kin_of(record, kindred)}
    others = [label for label in labels if label not in left_out]
    drawn = numpy_generator(seed, "other labels", record.digest).permutation(len(others))[:count]
    return tuple(others[index] for index in sorted(drawn))
