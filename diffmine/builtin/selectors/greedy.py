"""Greedy choice of windows that do not overlap."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diffmine.interfaces import PatchSelector, SelectorConfig
from diffmine.numerics.patch_errors import patch_stderr
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.upsampling import upsample, window_means
from diffmine.numerics.windows import choose_windows
from diffmine.pictures.grey import grey
from diffmine.types import Box, ByteArray, Candidate, ImageRecord, TypicalityMap

Field2D = NDArray[np.float64]


class GreedyConfig(SelectorConfig):
    """Options of the selectors that choose windows from the best down."""

    sizes: tuple[int, ...] = Field((), description="sides in pixels to choose from for each patch; empty: just size")
    min_distance: int = Field(0, ge=0, description="pixels between two patches of an image; 1 refuses those that touch")
    grey_range: tuple[float, float] | None = Field(
        None, description="lowest and highest mean grey level (0 to 255) of a patch; the paper's: [30, 225]"
    )
    min_contrast: float = Field(0, ge=0, description="least standard deviation of a patch's grey levels (0 to 128)")


class GreedySelector(PatchSelector):
    """Takes the window with the highest merit, then the highest of those that do not overlap it, and so on.

    Whatever places a patch, its value and its order among the label's patches are those of typicality.
    """

    config: GreedyConfig

    @abstractmethod
    def merit(self, means: Field2D, size: int, rng: np.random.Generator) -> Field2D:
        """The merit of every window of side ``size``, given the windows' means.

        Of the map that places (:meth:`placing`) it decides where patches lie, of typicality the order of the label's.
        """

    def select(
        self,
        typicality: TypicalityMap,
        record: ImageRecord,
        pixels: Callable[[], ByteArray],
        *,
        stride: int,
        seed: int,
    ) -> list[Candidate]:
        rng = numpy_generator(seed, "patches", self.name, record.digest, typicality.label)
        image = upsample(typicality.mean, stride, record.height, record.width)
        sizes = self.config.sizes or (self.config.size,)
        means = [window_means(image, size) for size in sizes]
        merits = self._merits(means, sizes, rng)
        placing = self.placing(typicality)
        if placing is typicality.mean:
            places = [one.copy() for one in merits]
        else:
            placing_image = upsample(placing, stride, record.height, record.width)
            places = self._merits([window_means(placing_image, size) for size in sizes], sizes, rng)
        self._refuse(places, sizes, pixels)
        found = [
            Candidate(
                box,
                float(means[index][box.y0, box.x0]),
                _stderr(typicality, box, stride, record),
                -float(merits[index][box.y0, box.x0]),
            )
            for index, box, _ in choose_windows(places, sizes, self.config.per_image, self.config.min_distance)
        ]
        return sorted(found, key=lambda one: one.priority)

    def _merits(self, means: Sequence[Field2D], sizes: Sequence[int], rng: np.random.Generator) -> list[Field2D]:
        return [self.merit(one, size, rng) for one, size in zip(means, sizes, strict=True)]

    def _refuse(self, merits: Sequence[Field2D], sizes: Sequence[int], pixels: Callable[[], ByteArray]) -> None:
        """Windows that the filters refuse get no merit; without filters the picture is not opened."""
        if self.config.grey_range is None and not self.config.min_contrast:
            return
        levels = grey(pixels())
        low, high = self.config.grey_range or (0.0, 255.0)
        for merit, size in zip(merits, sizes, strict=True):
            level = window_means(levels, size)
            variance = window_means(levels**2, size) - level**2
            refused = (level < low) | (level > high) | (variance < self.config.min_contrast**2)
            merit[refused] = -np.inf


def _stderr(typicality: TypicalityMap, box: Box, stride: int, record: ImageRecord) -> float | None:
    if typicality.stderr is None:
        return None
    return patch_stderr(box, typicality.stderr, typicality.noise_correlation, stride, record.height, record.width)
