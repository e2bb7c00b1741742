"""Signs of a shortcut where patches are of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from diffmine.analysis.shortcuts import Crops, are_near_identical
from diffmine.builtin.checks.possible_shortcuts import PossibleShortcuts
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import Box, ByteArray, ImageRecord, Patch

SIZES = (12, 16, 24)


def motif(size: int) -> ByteArray:
    """The same smooth picture at any size."""
    pixels = numpy_generator("motif").integers(0, 255, (4, 4, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))


def noise(size: int) -> ByteArray:
    return numpy_generator("noise", size).integers(0, 255, (size, size, 3)).astype(np.uint8)


def blank(size: int) -> ByteArray:
    return np.full((size, size, 3), size, dtype=np.uint8)


def whole(pictures: Sequence[ByteArray]) -> Crops:
    return Crops([Box(0, 0, *picture.shape[:2]) for picture in pictures], pictures)


@pytest.mark.parametrize(("draw", "identical"), [(motif, True), (noise, False), (blank, True)])
def test_crops_of_several_sizes_are_compared_at_the_smallest(draw: object, identical: bool) -> None:
    assert are_near_identical(whole([draw(size) for size in SIZES * 2])) == identical  # type: ignore[operator]


def test_a_run_of_several_sizes_is_looked_through() -> None:
    generator = numpy_generator("pictures")
    names = [f"{label}{number}" for label in "ab" for number in range(15)]
    pictures = {name: generator.integers(0, 255, (48, 48, 3)).astype(np.uint8) for name in names}
    patches = [
        Patch(name, name[0], Box(0, 0, size, size), 1.0, 0.1, selection, rank)
        for selection in ("top", "random")
        for rank, name in enumerate(names)
        for size in [SIZES[rank % 3]]
    ]
    run = MemoryRun(
        [ImageRecord(name, name, (name[0],), 48, 48, name, "train") for name in names],
        pictures=pictures,
        patches=patches,
        cluster=[0] * len(names) + [None] * len(names),
    )
    assert PossibleShortcuts(PossibleShortcuts.Config()).check(run) == []
