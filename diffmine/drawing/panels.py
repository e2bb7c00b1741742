"""Many crops composed into one array, so that a figure draws once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffmine.types import ByteArray, FloatArray

WHITE = 255
CELL = 96
"""Side of a crop, pixels; whole pictures are twice as wide."""
GAP = 6
"""White pixels between crops."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One label's part of a figure.

    Attributes:
        title: the label.
        image: uint8, (height, width, 3).
        names: of the rows of crops, from the top.
        scale: the typicality at which the heat map saturates, where there is one.
        columns: names of the columns of crops, from the left, all of one width; none: they have no names.
        heights: of the rows, pixels of ``image``; none: all are of one height.
        notes: lines of text below it.
        alt: what somebody is told who cannot see it; empty: the title and the names.
    """

    title: str
    image: ByteArray
    names: Sequence[str]
    scale: float | None = None
    columns: Sequence[str] = ()
    heights: Sequence[float] = ()
    notes: Sequence[str] = ()
    alt: str = ""

    @property
    def description(self) -> str:
        """What stands for the panel where it cannot be seen."""
        names = ", ".join(" ".join(name.split()) for name in self.names if name.strip())
        return self.alt or (
            f"{self.title}: rows of pictures, {names}." if names else f"{self.title}: rows of pictures."
        )

    def middles(self) -> list[float]:
        """The middle of each row, pixels of ``image`` from the top."""
        heights = np.asarray(self.heights or [self.image.shape[0] / max(len(self.names), 1)] * len(self.names))
        middles: list[float] = (np.cumsum(heights) - heights / 2).tolist()
        return middles

    @property
    def aspect(self) -> float:
        """Height by width."""
        return float(self.image.shape[0] / self.image.shape[1])


def sheet(rows: Sequence[Sequence[ByteArray] | ByteArray], columns: int, gap: int) -> ByteArray:
    """Rows of crops on white.

    Args:
        rows: for each row its crops, uint8, all (height, width, 3); short rows stay white at the end.
        columns: crops in a row.
        gap: white pixels between crops.
    Returns:
        uint8, (rows * (height + gap) - gap, columns * (width + gap) - gap, 3).
    """
    height, width = next((cells[0].shape[:2] for cells in rows if len(cells)), (1, 1))
    down, across = height + gap, width + gap
    canvas = np.full((max(len(rows), 1) * down - gap, columns * across - gap, 3), WHITE, dtype=np.uint8)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells[:columns]):
            canvas[row * down : row * down + height, column * across : column * across + width] = cell
    return canvas


def lines(cells: Sequence[ByteArray] | ByteArray, rows: int, columns: int) -> list[Sequence[ByteArray] | ByteArray]:
    """Cells broken into so many rows."""
    return [cells[row * columns : (row + 1) * columns] for row in range(rows)]


def first_of_rows(rows: int, names: Sequence[str]) -> list[str]:
    """Names of blocks of so many rows: beside the first of each."""
    return [name if row == 0 else "" for name in names for row in range(rows)]


def scale_of(maps: Sequence[FloatArray]) -> float:
    """The typicality at which colours saturate: the 99th percentile of absolute values, never 0."""
    if not maps:
        return 1.0
    values = np.concatenate([np.abs(one).ravel() for one in maps])
    return float(np.quantile(values, 0.99)) or 1.0


def fade(pixels: ByteArray, typicality: FloatArray, scale: float) -> ByteArray:
    """The picture, white where it is not typical, as the paper shows typicality.

    Args:
        pixels: uint8, (height, width, 3).
        typicality: (height, width).
        scale: the typicality from which a pixel is shown in full.
    """
    opacity = np.clip(typicality / scale, 0, 1)[..., None]
    faded: ByteArray = np.rint(WHITE + (pixels.astype(np.float32) - WHITE) * opacity).astype(np.uint8)
    return faded
