"""Denoising losses of pictures under several conditions, with paired draws, and what scorers make of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from diffmine.builtin.scorers.draws import draw, mean_and_stderr, smooth
from diffmine.builtin.scorers.settings import LossConfig
from diffmine.interfaces import Conditioning, ModelTools, Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.pictures.decoding import to_model
from diffmine.types import Picture, TypicalityMap

Losses = Mapping[str | None, Tensor]
"""Condition (None: the null condition) -> losses, float32, (draws, h, w)."""

Gain = Callable[[Losses, str], Tensor]
"""What is averaged over draws for a label, (draws, h, w)."""


def gain_over_null(losses: Losses, label: str) -> Tensor:
    """L(null) - L(label): the paper's typicality."""
    return losses[None] - losses[label]


def gain_over_others(losses: Losses, label: str) -> Tensor:
    """Mean of L(other labels) - L(label)."""
    others = [loss for condition, loss in losses.items() if condition not in (None, label)]
    return torch.stack(others).mean(0) - losses[label]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture with its draws, all on the CPU, and the conditions to denoise it under."""

    picture: Picture
    latent: Tensor
    fractions: Tensor
    noise: Tensor
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

    def __init__(self, tools: ModelTools, config: LossConfig, gain: Gain) -> None:
        self._tools, self._config, self._gain = tools, config, gain
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
            losses = list(run_in_batches(self._losses, forwards, self._batch_size(conditions)))
            for prepared in group:
                of_picture, losses = losses[: draws * conditions], losses[draws * conditions :]
                by_draw = torch.stack(of_picture).reshape(draws, conditions, *of_picture[0].shape)
                maps[prepared.picture.record.image_id] = list(self._maps(prepared, by_draw.transpose(0, 1)))
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
        pixels = to_model(picture.pixels, self._denoiser.size_multiple)
        latent = self._denoiser.encode(pixels[None].to(self._tools.device))[0].cpu()
        fractions, noise = draw(self._config, tuple(latent.shape), self._tools.seed, picture.record.digest)
        return Prepared(picture, latent, fractions, noise, (None, *labels))

    def _losses(self, forwards: Sequence[Forward]) -> list[Tensor]:
        """Squared errors of the predictions, mean over channels: for each forward float32, (h, w)."""
        device, denoiser = self._tools.device, self._denoiser
        by_draw = [list(same) for _, same in groupby(forwards, key=lambda one: (id(one.prepared), one.draw))]
        trials = [same[0] for same in by_draw]
        counts = torch.tensor([len(same) for same in by_draw], device=device)
        latents = torch.stack([one.prepared.latent for one in trials]).to(device)
        noise = torch.stack([one.prepared.noise[one.draw] for one in trials]).to(device)
        timesteps = denoiser.timesteps(torch.stack([one.prepared.fractions[one.draw] for one in trials]).to(device))
        noisy = denoiser.add_noise(latents, noise, timesteps).repeat_interleave(counts, dim=0)
        target = denoiser.target(latents, noise, timesteps).repeat_interleave(counts, dim=0)
        prediction = denoiser.predict(noisy, timesteps.repeat_interleave(counts), self._conditioning(forwards))
        return list((prediction - target).square().mean(1).cpu())

    def _conditioning(self, forwards: Sequence[Forward]) -> Conditioning:
        columns = [one.prepared.picture.record.columns for one in forwards]
        return self._tools.encoder.encode([one.condition for one in forwards], columns)

    def _maps(self, prepared: Prepared, losses: Tensor) -> Iterator[TypicalityMap]:
        by_condition = dict(zip(prepared.conditions, losses, strict=True))
        for label in prepared.conditions[1:]:
            assert label is not None
            gain = smooth(self._config, self._gain(by_condition, label))
            mean, stderr = mean_and_stderr(self._config, gain)
            image_id = prepared.picture.record.image_id
            yield TypicalityMap(image_id, label, mean.numpy(), stderr.numpy(), self._config.draws)
