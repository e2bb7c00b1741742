"""Denoising losses of pictures under several conditions, with paired draws, averaged to maps. Imports torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffmine.diffusion.averaging import blocks, extended
from diffmine.diffusion.draws import draw, smooth
from diffmine.diffusion.loss_scorer import LossConfig
from diffmine.diffusion.losses import Measure, Predictions, latent_of, paired_predictions, siblings, squared_error
from diffmine.diffusion.schedule import error_weights
from diffmine.interfaces import Conditioning, ModelTools, Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.types import FloatArray, ImageRecord, Picture, Related, TypicalityMap

ByCondition = Mapping[str | None, Tensor]
"""Condition (None: the null condition) -> what was measured under it, float32, (draws, h, w)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a block of draws of one picture gave; all on the CPU.

    Attributes:
        record: the picture.
        fractions: the draws' positions on the noise schedule, float32, (draws,), in [0, 1).
        losses: the denoising losses, mean over channels, by condition.
        further: what else was asked for, by measure and condition: ``measured.further[influence][label]``.
        related: label -> labels that it is not compared with, see ``ModelTools.related``.
        parents: label -> the label above it, None of a root, see ``ModelTools.parents``.
    """

    record: ImageRecord
    fractions: Tensor
    losses: ByCondition
    further: Mapping[Measure, ByCondition] = field(default_factory=dict)
    related: Related = field(default_factory=dict)
    parents: Mapping[str, str | None] = field(default_factory=dict)


Gain = Callable[[Measured, str], Tensor]
"""What is averaged over draws for a label, float32, (draws, h, w)."""


def gain_over_null(measured: Measured, label: str) -> Tensor:
    """L(null) - L(label): the paper's typicality."""
    return measured.losses[None] - measured.losses[label]


def gain_over_siblings(measured: Measured, label: str) -> Tensor:
    """Mean of L(siblings) - L(label), see :func:`diffmine.diffusion.losses.siblings`.

    A picture that carries every label has no siblings to be told from; its gain is 0.
    """
    others = siblings(label, measured.losses, measured.record.labels, measured.related)
    loss = measured.losses[label]
    return torch.stack([measured.losses[one] for one in others]).mean(0) - loss if others else torch.zeros_like(loss)


def gain_over_parent(measured: Measured, label: str) -> Tensor:
    """L(parent) - L(label), which is T(label) - T(parent): what the label explains beyond the one above it.

    The parent of a root is the null condition.
    """
    return measured.losses[measured.parents.get(label)] - measured.losses[label]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture with what is known of it, and the conditions to denoise it under; the null condition first."""

    picture: Picture
    latent: Tensor
    maps: tuple[TypicalityMap, ...]

    @property
    def conditions(self) -> tuple[str | None, ...]:
        return (None, *(one.label for one in self.maps))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with a block of its draws and what their errors count, all on the CPU."""

    prepared: Prepared
    fractions: Tensor
    noise: Tensor
    weights: Sequence[float]


class Forward(NamedTuple):
    """One draw of one picture, denoised under one of the picture's conditions."""

    drawn: Drawn
    draw: int
    condition: str | None


class LossScoring(Scoring):
    """Scores pictures by a gain between denoising losses.

    The same (timestep, noise) draws serve all conditions of a picture. Forwards of pictures of one size share batches;
    what a row gives does not depend on its batch but for rounding. All conditions of a draw share a batch while they
    fit into one, so that swapped conditions change the sign exactly and a condition compared with itself gives
    exactly 0.
    """

    def __init__(
        self,
        tools: ModelTools,
        config: LossConfig,
        gain: Gain,
        influence: Measure | None = None,
        measures: Sequence[Measure] = (),
    ) -> None:
        """Load the model.

        Args:
            tools: the run's model.
            config: draws, batches and smoothing.
            gain: the mean over draws is the typicality.
            influence: its mean over draws is the influence; None: the maps have none.
            measures: what ``gain`` needs besides losses; like ``influence`` they cost no further forward.
        """
        self._tools, self._config, self._gain, self._influence = tools, config, gain, influence
        asked = measures if influence is None else (influence, *measures)
        self._measures: tuple[Measure, ...] = (squared_error, *dict.fromkeys(asked))
        self._denoiser = tools.denoiser
        self.stride = self._denoiser.stride
        self._sizes: dict[int, BatchSize] = {}

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        nothing = np.empty((0, 0), np.float32)
        unknown = [
            [TypicalityMap(picture.record.image_id, label, nothing, draws=0) for label in wanted]
            for picture, wanted in zip(pictures, labels, strict=True)
        ]
        return self.refine(pictures, unknown, self._config.rounds[0], progress)

    @torch.inference_mode()
    def refine(
        self, pictures: Sequence[Picture], maps: Sequence[Sequence[TypicalityMap]], draws: int, progress: Progress
    ) -> list[list[TypicalityMap]]:
        found: dict[str, list[TypicalityMap]] = {}
        for group in self._groups(pictures, maps):
            start = group[0].maps[0].draws or 0
            for block in blocks(self._config, start, draws):
                group = self._after(group, block)
            for one in group:
                found[one.picture.record.image_id] = list(one.maps)
                progress.advance()
        return [found[picture.record.image_id] for picture in pictures]

    def _after(self, group: Sequence[Prepared], block: range) -> list[Prepared]:
        """The pictures with one block of draws more."""
        conditions = len(group[0].conditions)
        drawn = [self._draw(one, block) for one in group]
        forwards = [
            Forward(one, draw, condition)
            for one in drawn
            for draw in range(len(block))
            for condition in one.prepared.conditions
        ]
        rows = run_in_batches(self._predict, forwards, self._batch_size(conditions))
        after = []
        for one in drawn:
            by_draw = [self._measure(one, draw, islice(rows, conditions)) for draw in range(len(block))]
            after.append(replace(one.prepared, maps=tuple(self._extended(one, torch.stack(by_draw).cpu()))))
        return after

    def _draw(self, prepared: Prepared, block: range) -> Drawn:
        shape, digest = tuple(prepared.latent.shape), prepared.picture.record.digest
        fractions, noise = draw(self._config, shape, self._tools.seed, digest, block)
        timesteps = self._denoiser.timesteps(fractions.to(self._denoiser.device))
        weights = error_weights(self._denoiser, timesteps, self._config.weighting).tolist()
        return Drawn(prepared, fractions, noise, weights)

    def _batch_size(self, conditions: int) -> BatchSize:
        """How many forwards make up a batch: whole draws, while one fits."""
        most = self._config.batch_size
        return self._sizes.setdefault(conditions, BatchSize(most - most % conditions if conditions <= most else most))

    def _groups(self, pictures: Sequence[Picture], maps: Sequence[Sequence[TypicalityMap]]) -> Iterator[list[Prepared]]:
        """Pictures of one size with equally many conditions and draws, as many as fit into a batch with a block.

        Where batches begin does not depend on how many draws there are, so that going on from stored maps gives the
        bits that computing them at once would.
        """
        waiting: dict[tuple[torch.Size, int, int | None], list[Prepared]] = defaultdict(list)
        for picture, known in zip(pictures, maps, strict=True):
            prepared = Prepared(picture, latent_of(self._denoiser, picture.pixels).cpu(), tuple(known))
            conditions = len(prepared.conditions)
            kind = prepared.latent.shape, conditions, known[0].draws
            waiting[kind].append(prepared)
            if (len(waiting[kind]) + 1) * conditions * self._config.step > self._config.batch_size:
                yield waiting.pop(kind)
        yield from waiting.values()

    def _predict(self, forwards: Sequence[Forward]) -> list[tuple[Tensor, Tensor]]:
        """For each forward what the model predicts and what it should predict, each (channels, h, w)."""
        device = self._denoiser.device
        by_draw = [list(same) for _, same in groupby(forwards, key=lambda one: (id(one.drawn), one.draw))]
        trials = [same[0] for same in by_draw]
        prediction, target = paired_predictions(
            self._denoiser,
            torch.stack([one.drawn.prepared.latent for one in trials]).to(device),
            torch.stack([one.drawn.noise[one.draw] for one in trials]).to(device),
            torch.stack([one.drawn.fractions[one.draw] for one in trials]).to(device),
            torch.tensor([len(same) for same in by_draw], device=device),
            self._conditioning(forwards),
        )
        return list(zip(prediction, target, strict=True))

    def _measure(self, drawn: Drawn, draw: int, rows: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Every measure of one draw, float32, (conditions, measures, h, w)."""
        prediction, target = zip(*rows, strict=True)
        predictions = Predictions(
            torch.stack(prediction),
            target[0],
            drawn.prepared.conditions,
            own=drawn.prepared.picture.record.labels,
            related=self._tools.related,
            parents=self._tools.parents,
            weight=drawn.weights[draw],
        )
        return torch.stack([measure(predictions) for measure in self._measures], dim=1)

    def _conditioning(self, forwards: Sequence[Forward]) -> Conditioning:
        columns = [one.drawn.prepared.picture.record.columns for one in forwards]
        return self._tools.encoder.encode([one.condition for one in forwards], columns)

    def _extended(self, drawn: Drawn, rows: Tensor) -> Iterator[TypicalityMap]:
        """The picture's maps with what was measured, (draws, conditions, measures, h, w)."""
        conditions = drawn.prepared.conditions
        losses, *further = (
            dict(zip(conditions, by_condition.transpose(0, 1), strict=True)) for by_condition in rows.unbind(2)
        )
        measured = Measured(
            drawn.prepared.picture.record,
            drawn.fractions,
            losses,
            dict(zip(self._measures[1:], further, strict=True)),
            self._tools.related,
            self._tools.parents,
        )
        for one in drawn.prepared.maps:
            influences = None if self._influence is None else measured.further[self._influence][one.label]
            yield extended(
                self._config,
                one,
                drawn.fractions.numpy(),
                self._smoothed(self._gain(measured, one.label)),
                None if influences is None else self._smoothed(influences),
            )

    def _smoothed(self, values: Tensor) -> FloatArray:
        return smooth(self._config, values).numpy()
