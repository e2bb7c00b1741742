"""What each place of each batch is, as a function of (seed, step, position) alone.

Nothing here has a state, so a training that was stopped goes on exactly where it was, and neither the number of
processes nor the size of micro-batches changes what is trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.seeding import numpy_generator, torch_generator
from diffmine.training.options import TrainingOptions
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Draw:
    """One picture of one step, and how it is shown to the model.

    Attributes:
        record: the picture.
        label: one of its labels, all equally likely; None: the null condition.
        flip: whether it is mirrored.
        corner: where a random crop lies, (down, right), each in [0, 1) of the room there is.
        fraction: position on the noise schedule, in [0, 1).
        key: what its random generators are keyed by.
    """

    record: ImageRecord
    label: str | None
    flip: bool
    corner: tuple[float, float]
    fraction: float
    key: tuple[object, ...]

    @property
    def columns(self) -> Mapping[str, str]:
        """The picture's further columns."""
        return self.record.columns

    def noise_generator(self) -> torch.Generator:
        """The generator of the noise, at its start."""
        return torch_generator(*self.key, "noise")

    def prompt_generator(self) -> np.random.Generator:
        """The generator for encoders that vary their prompts, at its start."""
        return numpy_generator(*self.key, "prompt")


class Draws:
    """The batches of a training: every picture once an epoch, in an order shuffled anew each epoch."""

    def __init__(self, records: Sequence[ImageRecord], options: TrainingOptions, seed: int) -> None:
        self._records, self._options, self._seed = records, options, seed
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def batch(self, step: int, positions: range) -> list[Draw]:
        """The draws at ``positions`` of the batch of ``step`` (from 0)."""
        return [self._draw(step, position) for position in positions]

    def _draw(self, step: int, position: int) -> Draw:
        options = self._options
        key = (self._seed, "finetune", step, position)
        which, null, flip, down, right, time, focus, elsewhere = numpy_generator(*key).random(8)
        epoch, place = divmod(step * options.batch_size + position, len(self._records))
        record = self._records[self._order(epoch)[place]]
        within = (position + time) / options.batch_size if options.timesteps == "stratified" else time
        return Draw(
            record,
            None if null < options.null_probability else record.labels[int(which * len(record.labels))],
            options.horizontal_flip and flip < 0.5,
            (down, right),
            elsewhere if focus >= options.t_focus else options.t_min + within * (options.t_max - options.t_min),
            key,
        )

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return numpy_generator(self._seed, "finetune", "epoch", epoch).permutation(len(self._records))
