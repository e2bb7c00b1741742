"""Denoising losses of pictures under several conditions, with paired draws, and what scorers make of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from diffmine.batching import BatchSize, run_in_batches
from diffmine.builtin.scorers.draws import draw, mean_and_stderr
from diffmine.builtin.scorers.settings import LossConfig
from diffmine.interfaces import Conditioning, ModelTools, Progress, Scoring
from diffmine.pictures import to_model
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


class Trial(NamedTuple):
    """One draw of one picture, denoised under all of the picture's conditions."""

    prepared: Prepared
    number: int


class LossScoring(Scoring):
    """Scores pictures by a gain between denoising losses.

    The same (timestep, noise) draws serve all conditions of a picture, so swapped conditions change the sign exactly
    and a condition compared with itself gives exactly 0. Forwards of pictures of one size share batches; what a row
    gives does not depend on its batch.
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
            trials = [Trial(prepared, number) for prepared in group for number in range(self._config.draws)]
            losses = list(run_in_batches(self._losses, trials, self._trials_at_once(group)))
            for number, prepared in enumerate(group):
                of_picture = losses[number * self._config.draws : (number + 1) * self._config.draws]
                maps[prepared.picture.record.image_id] = list(self._maps(prepared, torch.stack(of_picture, dim=1)))
                progress.advance()
        return [maps[picture.record.image_id] for picture in pictures]

    def _trials_at_once(self, group: Sequence[Prepared]) -> BatchSize:
        """How many trials make up a batch; a trial takes as many forwards as the picture has conditions."""
        conditions = max(len(prepared.conditions) for prepared in group)
        return self._sizes.setdefault(conditions, BatchSize(max(1, self._config.batch_size // conditions)))

    def _groups(self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]]) -> Iterator[list[Prepared]]:
        """Pictures of one size, as many as fill a batch."""
        waiting: dict[torch.Size, list[Prepared]] = defaultdict(list)
        for picture, wanted in zip(pictures, labels, strict=True):
            prepared = self._prepare(picture, wanted)
            group = waiting[prepared.latent.shape]
            group.append(prepared)
            if sum(len(one.conditions) for one in group) * self._config.draws >= self._config.batch_size:
                yield waiting.pop(prepared.latent.shape)
        yield from waiting.values()

    def _prepare(self, picture: Picture, labels: Sequence[str]) -> Prepared:
        pixels = to_model(picture.pixels, self._denoiser.size_multiple)
        latent = self._denoiser.encode(pixels[None].to(self._tools.device))[0].cpu()
        fractions, noise = draw(self._config, tuple(latent.shape), self._tools.seed, picture.record.digest)
        return Prepared(picture, latent, fractions, noise, (None, *labels))

    def _losses(self, trials: Sequence[Trial]) -> list[Tensor]:
        """Squared errors of the predictions, mean over channels: for each trial float32, (conditions, h, w).

        All conditions of a trial share a forward, so that equal conditions give bitwise equal losses.
        """
        device, denoiser = self._tools.device, self._denoiser
        counts = torch.tensor([len(trial.prepared.conditions) for trial in trials], device=device)
        latents = torch.stack([trial.prepared.latent for trial in trials]).to(device)
        noise = torch.stack([trial.prepared.noise[trial.number] for trial in trials]).to(device)
        fractions = torch.stack([trial.prepared.fractions[trial.number] for trial in trials]).to(device)
        timesteps = denoiser.timesteps(fractions)
        noisy = denoiser.add_noise(latents, noise, timesteps).repeat_interleave(counts, dim=0)
        target = denoiser.target(latents, noise, timesteps).repeat_interleave(counts, dim=0)
        prediction = denoiser.predict(noisy, timesteps.repeat_interleave(counts), self._conditioning(trials))
        return list(torch.split((prediction - target).square().mean(1).cpu(), counts.tolist()))

    def _conditioning(self, trials: Sequence[Trial]) -> Conditioning:
        rows = [(condition, trial) for trial in trials for condition in trial.prepared.conditions]
        columns = [trial.prepared.picture.record.columns for _, trial in rows]
        return self._tools.encoder.encode([condition for condition, _ in rows], columns)

    def _maps(self, prepared: Prepared, losses: Tensor) -> Iterator[TypicalityMap]:
        by_condition = dict(zip(prepared.conditions, losses, strict=True))
        for label in prepared.conditions[1:]:
            assert label is not None
            mean, stderr = mean_and_stderr(self._config, self._gain(by_condition, label))
            image_id = prepared.picture.record.image_id
            yield TypicalityMap(image_id, label, mean.numpy(), stderr.numpy(), self._config.draws)
