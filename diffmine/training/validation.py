"""The loss on held-out pictures. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import torch

from diffmine.interfaces import Denoiser, TrainingSet
from diffmine.numerics.seeding import numpy_generator
from diffmine.training.batches import Example, example, micro_batches
from diffmine.training.latents import LatentSource
from diffmine.training.loss import DenoisingLoss
from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draw
from diffmine.types import ImageRecord


class Validation:
    """Losses on fixed pictures at fixed (timestep, noise), with the label and without.

    The same draws serve every measurement and both conditions, so that what differs is the model's doing.
    """

    def __init__(self, data: TrainingSet, denoiser: Denoiser, options: TrainingOptions, seed: int) -> None:
        self._data = replace(data, crop="none" if data.crop == "none" else "center")
        self._denoiser, self._options, self._seed = denoiser, options, seed

    def measure(self, loss: DenoisingLoss, size: int) -> dict[str, float]:
        """``validation_loss`` and ``validation_null_loss``; nothing where no pictures are held out.

        Args:
            loss: the loss with the weights to be judged.
            size: pictures that go through the network together.
        """
        if not self._examples:
            return {}
        nulls = [replace(one, draw=replace(one.draw, label=None)) for one in self._examples]
        loss.eval()
        measured = {
            "validation_loss": _mean_loss(loss, self._examples, size),
            "validation_null_loss": _mean_loss(loss, nulls, size),
        }
        loss.train()
        return measured

    @cached_property
    def _examples(self) -> list[Example]:
        records = self._data.heldout
        order = numpy_generator(self._seed, "finetune", "validation").permutation(len(records))
        chosen = (records[place] for place in order[: self._options.validation_images])
        draws = [draw for record in chosen for draw in self._draws(record)]
        with LatentSource(self._data, self._denoiser, keep_bytes=math.inf, workers=1) as source:
            return [example(draw, source) for draw in draws]

    def _draws(self, record: ImageRecord) -> Iterator[Draw]:
        """Timesteps in the middle of equal intervals, labels in turn."""
        options, count = self._options, self._options.validation_draws
        for number in range(count):
            fraction = options.t_min + (number + 0.5) / count * (options.t_max - options.t_min)
            label = record.labels[number % len(record.labels)]
            key = (self._seed, "validation", record.digest, number)
            yield Draw(record, label, flip=False, corner=(0.5, 0.5), fraction=fraction, key=key)


@torch.no_grad()
def _mean_loss(loss: DenoisingLoss, examples: Sequence[Example], size: int) -> float:
    total = sum(float(loss(part).sum()) for part in micro_batches(examples, size))
    return total / len(examples)
