"""Denoising losses of pictures under several conditions, with paired draws, averaged to maps. Imports torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import NamedTuple

import torch
from torch import Tensor

from diffmine.diffusion.draws import draw, mean_and_stderr, smooth
from diffmine.diffusion.loss_scorer import LossConfig
from diffmine.diffusion.losses import Measure, Predictions, latent_of, paired_predictions, siblings, squared_error
from diffmine.diffusion.schedule import error_weights
from diffmine.interfaces import Conditioning, ModelTools, Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.types import FloatArray, ImageRecord, Picture, TypicalityMap

ByCondition = Mapping[str | None, Tensor]
"""Condition (None: the null condition) -> what was measured under it, float32, (draws, h, w)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the draws of one picture gave; all on the CPU.

    Attributes:
        record: the picture.
        fractions: the draws' positions on the noise schedule, float32, (draws,), in [0, 1).
        losses: the denoising losses, mean over channels, by condition.
        further: what else was asked for, by measure and condition: ``measured.further[influence][label]``.
    """

    record: ImageRecord
    fractions: Tensor
    losses: ByCondition
    further: Mapping[Measure, ByCondition] = field(default_factory=dict)


Gain = Callable[[Measured, str], Tensor]
"""What is averaged over draws for a label, float32, (draws, h, w)."""


def gain_over_null(measured: Measured, label: str) -> Tensor:
    """L(null) - L(label): the paper's typicality."""
    return measured.losses[None] - measured.losses[label]


def gain_over_siblings(measured: Measured, label: str) -> Tensor:
    """Mean of L(siblings) - L(label), see :func:`diffmine.diffusion.losses.siblings`.

    A picture that carries every label has no siblings to be told from; its gain is 0.
    """
    others = siblings(label, measured.losses, measured.record.labels)
    loss = measured.losses[label]
    return torch.stack([measured.losses[one] for one in others]).mean(0) - loss if others else torch.zeros_like(loss)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture with its draws and what their errors count, all on the CPU, and the conditions to denoise it under.

    The null condition comes first.
    """

    picture: Picture
    latent: Tensor
    fractions: Tensor
    noise: Tensor
    weights: Sequence[float]
    conditions: tuple[str | None, ...]


class Forward(NamedTuple):
    """One draw of one picture, denoised under one of the picture's conditions."""

    prepared: Prepared
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

    @torch.inference_mode()
    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        maps: dict[str, list[TypicalityMap]] = {}
        for group in self._groups(pictures, labels):
            draws, conditions = self._config.draws, len(group[0].conditions)
            forwards = [
                Forward(one, draw, condition) for one in group for draw in range(draws) for condition in one.conditions
            ]
            rows = run_in_batches(self._predict, forwards, self._batch_size(conditions))
            for prepared in group:
                by_draw = [self._measure(prepared, draw, islice(rows, conditions)) for draw in range(draws)]
                maps[prepared.picture.record.image_id] = list(self._maps(prepared, torch.stack(by_draw).cpu()))
                progress.advance()
        return [maps[picture.record.image_id] for picture in pictures]

    def _batch_size(self, conditions: int) -> BatchSize:
        """How many forwards make up a batch: whole draws, while one fits."""
        most = self._config.batch_size
        return self._sizes.setdefault(conditions, BatchSize(most - most % conditions if conditions <= most else most))

    def _groups(self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]]) -> Iterator[list[Prepared]]:
        """Pictures of one size with equally many conditions, as many as fill a batch."""
        waiting: dict[tuple[torch.Size, int], list[Prepared]] = defaultdict(list)
        for picture, wanted in zip(pictures, labels, strict=True):
            prepared = self._prepare(picture, wanted)
            kind = prepared.latent.shape, len(prepared.conditions)
            waiting[kind].append(prepared)
            if len(waiting[kind]) * len(prepared.conditions) * self._config.draws >= self._config.batch_size:
                yield waiting.pop(kind)
        yield from waiting.values()

    def _prepare(self, picture: Picture, labels: Sequence[str]) -> Prepared:
        latent = latent_of(self._denoiser, picture.pixels).cpu()
        fractions, noise = draw(self._config, tuple(latent.shape), self._tools.seed, picture.record.digest)
        timesteps = self._denoiser.timesteps(fractions.to(self._denoiser.device))
        weights = error_weights(self._denoiser, timesteps, self._config.weighting).tolist()
        return Prepared(picture, latent, fractions, noise, weights, (None, *labels))

    def _predict(self, forwards: Sequence[Forward]) -> list[tuple[Tensor, Tensor]]:
        """For each forward what the model predicts and what it should predict, each (channels, h, w)."""
        device = self._denoiser.device
        by_draw = [list(same) for _, same in groupby(forwards, key=lambda one: (id(one.prepared), one.draw))]
        trials = [same[0] for same in by_draw]
        prediction, target = paired_predictions(
            self._denoiser,
            torch.stack([one.prepared.latent for one in trials]).to(device),
            torch.stack([one.prepared.noise[one.draw] for one in trials]).to(device),
            torch.stack([one.prepared.fractions[one.draw] for one in trials]).to(device),
            torch.tensor([len(same) for same in by_draw], device=device),
            self._conditioning(forwards),
        )
        return list(zip(prediction, target, strict=True))

    def _measure(self, prepared: Prepared, draw: int, rows: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Every measure of one draw, float32, (conditions, measures, h, w)."""
        prediction, target = zip(*rows, strict=True)
        predictions = Predictions(
            torch.stack(prediction),
            target[0],
            prepared.conditions,
            own=prepared.picture.record.labels,
            weight=prepared.weights[draw],
        )
        return torch.stack([measure(predictions) for measure in self._measures], dim=1)

    def _conditioning(self, forwards: Sequence[Forward]) -> Conditioning:
        columns = [one.prepared.picture.record.columns for one in forwards]
        return self._tools.encoder.encode([one.condition for one in forwards], columns)

    def _maps(self, prepared: Prepared, rows: Tensor) -> Iterator[TypicalityMap]:
        """Average what was measured, (draws, conditions, measures, h, w), to a map for each label."""
        losses, *further = (
            dict(zip(prepared.conditions, by_condition.transpose(0, 1), strict=True)) for by_condition in rows.unbind(2)
        )
        record = prepared.picture.record
        measured = Measured(record, prepared.fractions, losses, dict(zip(self._measures[1:], further, strict=True)))
        for label in prepared.conditions[1:]:
            assert label is not None
            mean, stderr = self._averaged(self._gain(measured, label))
            one = TypicalityMap(record.image_id, label, mean, stderr, self._config.draws)
            yield one if self._influence is None else self._with_influence(one, measured.further[self._influence])

    def _with_influence(self, one: TypicalityMap, by_condition: ByCondition) -> TypicalityMap:
        influence, stderr = self._averaged(by_condition[one.label])
        return replace(one, influence=influence, influence_stderr=stderr)

    def _averaged(self, values: Tensor) -> tuple[FloatArray, FloatArray]:
        """Mean of smoothed draws, (draws, h, w), and its standard error."""
        mean, stderr = mean_and_stderr(self._config, smooth(self._config, values))
        return mean.numpy(), stderr.numpy()
