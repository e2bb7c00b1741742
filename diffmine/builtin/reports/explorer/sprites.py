"""The sheets of crops of a page: those of the first members of every group, and which others there would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.drawing.crop_sheets import Sheet, draw_sheet, write_plan
from diffmine.runs.contents import Rows

CAPACITY = 256
"""Crops in a sheet at most."""


def write_sheets(
    ordering: Ordering, folder: Path, size: int, quality: int, most: int | None = None
) -> tuple[list[Sheet], int]:
    """Write crops, each label in sheets of its own; where not all fit, those of the first members of every group.

    Args:
        size: side of a crop, pixels.
        quality: of WebP, 0 to 100.
        most: crops to write, about; None: all.
    Returns:
        all sheets, those that were left out last; and how many members of each group come in front: ``start`` counts
        along the fronts of all groups, then along what is behind them.
    """
    front = front_of([group.stop - group.start for group in ordering.groups], most)
    order, ranges = crop_order(ordering, front)
    sheets: list[Sheet] = []
    for start, stop, held in ranges:
        for first in range(start, stop, CAPACITY):
            sheet = Sheet(f"crops-{len(sheets):04d}.webp", first, min(CAPACITY, stop - first), held)
            sheets.append(sheet)
            if held:
                rows = ordering.rows[order[first : first + sheet.count]]
                (folder / sheet.file).write_bytes(draw_sheet(ordering.contents, rows, size, quality))
    if not all(one.held for one in sheets):
        write_plan(sheets, ordering.rows[order], folder, size, quality)
    return sheets, front


def front_of(sizes: Sequence[int], most: int | None) -> int:
    """How many members of every group to show, the same for all: ``most`` in all at most, but one of each."""
    if most is None or sum(sizes) <= most:
        return max(sizes, default=1)
    least, beyond = 1, max(sizes)
    while beyond - least > 1:
        middle = (least + beyond) // 2
        if sum(min(size, middle) for size in sizes) <= most:
            least = middle
        else:
            beyond = middle
    return least


def crop_order(ordering: Ordering, front: int) -> tuple[Rows, list[tuple[int, int, bool]]]:
    """The page's patches in the order of the sheets, and each label's ranges in it: (start, stop, held)."""
    parts: list[Rows] = [np.empty(0, dtype=np.int64)]
    ranges: list[tuple[int, int, bool]] = []
    end = 0
    for held in (True, False):
        for label in range(len(ordering.labels)):
            start = end
            for group in (one for one in ordering.groups if one.label == label):
                middle = min(group.stop, group.start + front)
                part = np.arange(group.start, middle) if held else np.arange(middle, group.stop)
                parts.append(part)
                end += len(part)
            ranges.append((start, end, held))
    return np.concatenate(parts), ranges


def write_covers(ordering: Ordering, folder: Path, size: int, quality: int) -> list[Sheet]:
    """Write the crops of the overview once more, together; ``start`` counts along the covers."""
    patches = [patch for cover in ordering.covers() for _, members in cover for patch in members]
    sheets: list[Sheet] = []
    for first in range(0, len(patches), CAPACITY):
        part = patches[first : first + CAPACITY]
        sheet = Sheet(f"covers-{len(sheets):04d}.webp", first, len(part))
        data = draw_sheet(ordering.contents, ordering.rows[np.asarray(part)], size, quality)
        (folder / sheet.file).write_bytes(data)
        sheets.append(sheet)
    return sheets
