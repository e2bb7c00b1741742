"""Training pictures as batches: which comes when and how it is shifted and mirrored depends on the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.interfaces import TrainingSet
from diffmine.numerics.seeding import numpy_generator
from diffmine.training.latents import crop
from diffmine.types import ByteArray, ImageRecord
from diffmine_discriminative.options import NetworkConfig

KEPT_BYTES = 2**30
"""Pictures are kept in memory up to this, and beyond it read again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures of one size that are learned from together.

    Attributes:
        places: of the pictures in the records that they were drawn from.
        layers: for each picture uint8, (height, width, layers): red, green, blue, then what is to be told of a pixel.
    """

    places: NDArray[np.int64]
    layers: Sequence[ByteArray]

    @property
    def pixels(self) -> list[ByteArray]:
        """Of each picture, (height, width, 3)."""
        return [one[..., :3] for one in self.layers]


class Examples:
    """The pictures to learn from, every one once an epoch.

    They are cropped to one size, as high and as wide as the smallest, wherever that lies in a picture, shifted and
    mirrored as the options say.
    """

    def __init__(
        self,
        config: NetworkConfig,
        data: TrainingSet,
        records: Sequence[ImageRecord],
        key: tuple[object, ...],
        targets: Mapping[str, ByteArray] | None = None,
    ) -> None:
        """Take what is drawn from.

        Args:
            records: of ``data``.
            key: what the random generators are keyed by.
            targets: image id -> uint8, (height, width, layers): what goes along with the pixels.
        """
        self._config, self._data, self._records, self._key, self._targets = config, data, records, key, targets or {}
        self._kept: dict[str, ByteArray] = {}
        self._room = KEPT_BYTES
        sides = [
            (one.height, one.width) if data.crop == "none" else (min(one.height, one.width),) * 2 for one in records
        ]
        self._size = min(height for height, _ in sides), min(width for _, width in sides)

    @property
    def batches(self) -> int:
        """In one epoch; as many pictures in each as there are in every other, or one more."""
        return -(-len(self._records) // self._config.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch (from 0), in an order of its own."""
        order = numpy_generator(*self._key, "epoch", number).permutation(len(self._records))
        for places in np.array_split(order, self.batches):
            yield Batch(places, [self._drawn(self._records[place], number) for place in places])

    def _drawn(self, record: ImageRecord, epoch: int) -> ByteArray:
        flip, *corners = numpy_generator(*self._key, "crop", epoch, record.digest).random(5)
        whole = crop(self._layers(record), self._data.crop, (corners[0], corners[1]))
        shift = self._config.shift
        padded = np.pad(whole, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
        window = tuple(
            slice(start, start + side)
            for start, side in (
                (int(corner * (padded.shape[axis] - side + 1)), side)
                for axis, (corner, side) in enumerate(zip(corners[2:], self._size, strict=True))
            )
        )
        return padded[window][:, :: -1 if self._config.flip and flip < 0.5 else 1]

    def _layers(self, record: ImageRecord) -> ByteArray:
        if record.image_id in self._kept:
            return self._kept[record.image_id]
        layers = self._data.picture(record).pixels
        if record.image_id in self._targets:
            layers = np.concatenate([layers, self._targets[record.image_id]], axis=-1)
        if layers.nbytes <= self._room:
            self._room -= layers.nbytes
            self._kept[record.image_id] = layers
        return layers
