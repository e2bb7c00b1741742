"""Crops as WebP sheets: few files, and a browser decodes only the sheets that are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.drawing.crops import crops
from diffmine.types import ByteArray

COLUMNS = 32
CAPACITY = 256
"""Crops in a sheet at most."""
EDGE = 1
"""Each crop is framed by its own border pixels, so that a scaled crop does not take colour from its neighbour."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of crops.

    Attributes:
        file: its name.
        start: the first of its patches; the others follow.
        count: number of its crops.
    """

    file: str
    start: int
    count: int


def write_sheets(ordering: Ordering, folder: Path, size: int, quality: int) -> list[Sheet]:
    """Write every crop, each label in sheets of its own.

    Args:
        size: side of a crop, pixels.
        quality: of WebP, 0 to 100.
    """
    sheets: list[Sheet] = []
    for start, stop in ordering.ranges():
        for first in range(start, stop, CAPACITY):
            sheet = Sheet(f"crops-{len(sheets):04d}.webp", first, min(CAPACITY, stop - first))
            _write(ordering, range(first, first + sheet.count), folder / sheet.file, size, quality)
            sheets.append(sheet)
    return sheets


def write_covers(ordering: Ordering, folder: Path, size: int, quality: int) -> list[Sheet]:
    """Write the crops of the overview once more, together; ``start`` counts along the covers."""
    patches = [patch for cover in ordering.covers() for _, members in cover for patch in members]
    sheets: list[Sheet] = []
    for first in range(0, len(patches), CAPACITY):
        part = patches[first : first + CAPACITY]
        sheet = Sheet(f"covers-{len(sheets):04d}.webp", first, len(part))
        _write(ordering, part, folder / sheet.file, size, quality)
        sheets.append(sheet)
    return sheets


def _write(ordering: Ordering, patches: Sequence[int], path: Path, size: int, quality: int) -> None:
    cells = crops(ordering.contents, ordering.rows[np.asarray(patches)], size)
    Image.fromarray(tile(cells)).save(path, "WEBP", quality=quality, method=4)


def tile(cells: ByteArray) -> ByteArray:
    """Crops side by side, ``COLUMNS`` in a row, each with its edge.

    Args:
        cells: uint8, (crops, size, size, 3).
    """
    framed = np.pad(cells, ((0, 0), (EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="edge")
    columns = min(COLUMNS, len(framed))
    rows = -(-len(framed) // columns)
    pitch = framed.shape[1]
    canvas = np.zeros((rows * columns, pitch, pitch, 3), dtype=np.uint8)
    canvas[: len(framed)] = framed
    tiled: ByteArray = canvas.reshape(rows, columns, pitch, pitch, 3).swapaxes(1, 2).reshape(rows * pitch, -1, 3)
    return tiled
