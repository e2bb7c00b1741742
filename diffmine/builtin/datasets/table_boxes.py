"""Boxes around elements, from a table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from diffmine.builtin.datasets.table_index import open_index
from diffmine.builtin.datasets.table_paths import Template, inside
from diffmine.errors import DataError
from diffmine.interfaces import ComponentConfig
from diffmine.types import BoolArray

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
BoxesOf = dict[str, dict[str, list[Corners]]]
"""Picture path -> label -> its boxes, in the pixels they were drawn in."""


class BoxesConfig(ComponentConfig):
    """Options of ``[dataset.boxes]``."""

    index: str = Field(description="table with one box a row, relative to [dataset] path")
    image: str | None = Field(None, description="as [dataset] image, from this table's columns; omitted: the same")
    label: str = Field(description="column with the box's label")
    columns: tuple[str, str, str, str] = Field(("x", "y", "width", "height"), description="the four columns of numbers")
    format: Literal["xywh", "xyxy"] = Field(
        "xywh", description="what the numbers are: left, top, width, height, or left, top, right, bottom; in pixels"
    )
    original_size: int | None = Field(
        None, ge=1, description="longer side in pixels of the pictures the boxes were drawn on; omitted: as stored"
    )
    rename: dict[str, str] = Field({}, description="labels that this table spells otherwise, to the dataset's")


def read_boxes(root: Path, config: BoxesConfig, image: str) -> BoxesOf:
    """Read the table.

    Args:
        root: the dataset's folder.
        image: the dataset's own path template.
    Raises:
        DataError: the table, a column or a number is missing.
    """
    index = open_index(root / config.index, "boxes.index")
    template = Template(config.image or image)
    for name in template.names:
        index.require(name, "boxes.image")
    index.require(config.label, "boxes.label")
    for name in config.columns:
        index.require(name, "boxes.columns")
    boxes: BoxesOf = defaultdict(lambda: defaultdict(list))
    for place, row in index.rows():
        label = config.rename.get(row[config.label], row[config.label])
        path = inside(root, template.fill(row), place)
        boxes[path][label].append(_corners(row, config, place))
    return {path: dict(of_labels) for path, of_labels in boxes.items()}


def fill_boxes(boxes: list[Corners], width: int, height: int, original_size: int | None) -> BoolArray:
    """The boxes, united, as a mask of a picture: pixels whose centres they hold, at least one each.

    What lies beyond the picture is cut off; of a box that lies there as a whole nothing remains.

    Returns:
        bool, (height, width).
    """
    mask = np.zeros((height, width), dtype=bool)
    for x0, y0, x1, y1 in _scaled(boxes, width, height, original_size):
        mask[_pixels(y0, y1, height), _pixels(x0, x1, width)] = True
    return mask


def beyond(boxes: list[Corners], width: int, height: int, original_size: int | None) -> int:
    """How many boxes reach more than a pixel beyond the picture; less is rounding."""
    return sum(
        min(x0, y0) < -1 or x1 > width + 1 or y1 > height + 1
        for x0, y0, x1, y1 in _scaled(boxes, width, height, original_size)
    )


def _scaled(boxes: list[Corners], width: int, height: int, original_size: int | None) -> Iterator[Corners]:
    scale = 1.0 if original_size is None else max(width, height) / original_size
    return ((x0 * scale, y0 * scale, x1 * scale, y1 * scale) for x0, y0, x1, y1 in boxes)


def _pixels(start: float, stop: float, length: int) -> slice:
    if start >= length or stop < 0 or start < stop == 0:
        return slice(0, 0)
    first = min(max(math.ceil(start - 0.5), 0), length - 1)
    return slice(first, max(first + 1, math.ceil(stop - 0.5)))


def _corners(row: Mapping[str, str], config: BoxesConfig, place: str) -> Corners:
    try:
        left, top, third, fourth = (float(row[name]) for name in config.columns)
    except ValueError as error:
        raise DataError(f"{place}: a box needs four numbers: {error}; mend the row or remove it") from None
    right, bottom = (third, fourth) if config.format == "xyxy" else (left + third, top + fourth)
    corners = left, top, right, bottom
    if not all(map(math.isfinite, corners)):
        raise DataError(f"{place}: a box needs finite numbers, not {_numbers(row, config)}; mend the row or remove it")
    if right < left or bottom < top:
        raise DataError(
            f"{place}: the box {_numbers(row, config)} is inside out, read as {config.format}; "
            "mend the row, or look at [dataset.boxes] format and columns"
        )
    return corners


def _numbers(row: Mapping[str, str], config: BoxesConfig) -> str:
    return ", ".join(f"{name} = {row[name]}" for name in config.columns)
