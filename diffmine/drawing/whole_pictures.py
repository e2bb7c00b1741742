"""Whole pictures with what is typical in them, in blocks below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from diffmine.drawing.panels import CELL, GAP, Panel, first_of_rows, lines, scale_of, sheet
from diffmine.errors import DataError
from diffmine.runs.contents import Contents
from diffmine.types import BoolArray, ByteArray, FloatArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

DIVERGING = "RdBu_r"
EDGE = (20, 20, 20)
"""Colour beside a white line."""


def before_after(
    contents: Contents,
    before: Contents,
    label: str,
    rows: int = 1,
    columns: int = 6,
    names: tuple[str, str] = ("before", "after"),
) -> Panel:
    """The most typical pictures with the heat maps of an earlier run, such as the base model's, and of this one.

    Raises:
        DataError: the earlier run has not scored these pictures under this label.
    """
    image_ids = most_typical(contents, label, rows * columns)
    for image_id in image_ids:
        if image_id not in before.run.records or label not in before.run.scored_labels(image_id):
            path = contents.run.records[image_id].path
            raise DataError(f"{before.run.path} has not scored {path} under {label!r}; compare runs over the same data")
    maps = [[one.run.typicality_image(image_id, label) for image_id in image_ids] for one in (before, contents)]
    scale = scale_of([values for part in maps for values in part])
    blocks = [
        [boxed(contents.run, one, label) for one in image_ids],
        *([heat(one, scale) for one in part] for part in maps),
    ]
    return Panel(label, stacked(blocks, rows, columns), first_of_rows(rows, ("picture", *names)), scale)


def most_typical(contents: Contents, label: str, count: int) -> list[str]:
    """The pictures with the label's best patches."""
    best = contents.selected(label, contents.run.selection)
    return list(dict.fromkeys(contents.image_ids(best)))[:count]


def stacked(blocks: Sequence[Sequence[ByteArray]], rows: int, columns: int) -> ByteArray:
    """Blocks of pictures below each other, so many rows each; all as high as the tallest.

    Returns:
        uint8, (height, width, 3), see :func:`diffmine.drawing.panels.sheet`.
    """
    aspect = max((one.shape[0] / one.shape[1] for block in blocks for one in block), default=1.0)
    cells = [line for block in blocks for line in lines([_fitted(one, aspect) for one in block], rows, columns)]
    return sheet(cells, columns, 2 * GAP)


def boxed(run: Run, image_id: str, label: str) -> ByteArray:
    """The picture, uint8, (height, width, 3), outlining what the dataset has boxed as the label's, if anything."""
    pixels, boxes = run.picture(image_id), run.boxes(image_id).get(label)
    return pixels if boxes is None else outlined(pixels, boxes, max(1, min(boxes.shape) // 100))


def outlined(pixels: ByteArray, mask: BoolArray, width: int) -> ByteArray:
    """A picture with the outline of a mask in white with a dark edge, to be seen on any ground.

    Args:
        pixels: uint8, (height, width, 3).
        mask: bool, (height, width).
        width: of the white line, within the mask, pixels.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    drawn = pixels.copy()
    line = mask & ~binary_erosion(mask, iterations=width)
    drawn[binary_dilation(line, iterations=max(1, width // 2)) & ~line] = EDGE
    drawn[line] = 255
    return drawn


def heat(values: FloatArray, scale: float) -> ByteArray:
    """A typicality map in colours, uint8, (height, width, 3): blue at ``-scale``, red at ``scale``."""
    from matplotlib import colormaps

    coloured: ByteArray = colormaps[DIVERGING](values / (2 * scale) + 0.5, bytes=True)[..., :3]
    return coloured


def _fitted(pixels: ByteArray, aspect: float) -> ByteArray:
    size = (2 * CELL, round(2 * CELL * aspect))
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), size, Image.Resampling.BICUBIC, color="white"))
