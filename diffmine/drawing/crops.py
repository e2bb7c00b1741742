"""Crops of a run's patches, each picture opened once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from PIL import Image

from diffmine.processes.threads import in_threads
from diffmine.runs.contents import Contents, Rows
from diffmine.types import Box, ByteArray


def cut(pixels: ByteArray, box: Box, size: int) -> ByteArray:
    """The patch as a square of ``size`` pixels; what is not square is centred on grey.

    Args:
        pixels: uint8, (height, width, 3).
    Returns:
        uint8, (size, size, 3).
    """
    patch = Image.fromarray(np.ascontiguousarray(pixels[box.slices()]))
    scale = size / max(patch.size)
    width, height = (max(1, round(side * scale)) for side in patch.size)
    if patch.size != (width, height):
        patch = patch.resize((width, height), Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
    if (width, height) == (size, size):
        return np.asarray(patch)
    square = Image.new("RGB", (size, size), (128, 128, 128))
    square.paste(patch, ((size - width) // 2, (size - height) // 2))
    return np.asarray(square)


def crops(contents: Contents, rows: Rows | Sequence[int], size: int) -> ByteArray:
    """The patches of some rows of ``Run.patches``.

    Returns:
        uint8, (rows, size, size, 3).
    """
    rows = np.asarray(rows, dtype=np.int64)
    boxes = contents.boxes(rows)
    places: dict[str, list[int]] = defaultdict(list)
    for place, image_id in enumerate(contents.image_ids(rows)):
        places[image_id].append(place)

    def cut_all(image_id: str) -> list[ByteArray]:
        pixels = contents.run.picture(image_id)
        return [cut(pixels, boxes[place], size) for place in places[image_id]]

    result = np.empty((len(rows), size, size, 3), dtype=np.uint8)
    for image_id, patches in zip(places, in_threads(cut_all, places), strict=True):
        result[places[image_id]] = patches
    return result
