"""Greedy choice of square windows that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffmine.types import Box


def choose_windows(
    merits: Sequence[NDArray[np.float64]], sizes: Sequence[int], count: int, min_distance: int = 0
) -> list[tuple[int, Box, float]]:
    """Greedy choice over the windows of several sizes.

    Args:
        merits: for each size, the merit of the window whose upper left pixel is at (y, x); -inf: never. Changed.
        sizes: the sides of the windows, in pixels.
        count: at most this many.
        min_distance: pixels that must lie between two windows along some axis.
    Returns:
        (index of the size, box, merit), from the best down; of equal merits the first in reading order.
    """
    chosen: list[tuple[int, Box, float]] = []
    for _ in range(count):
        best = [float(merit.max(initial=-np.inf)) for merit in merits]
        index = int(np.argmax(best))
        if best[index] == -np.inf:
            break
        y, x = np.unravel_index(int(merits[index].argmax()), merits[index].shape)
        box = Box(int(y), int(x), int(y) + sizes[index], int(x) + sizes[index])
        chosen.append((index, box, best[index]))
        for merit, size in zip(merits, sizes, strict=True):
            reach = size + min_distance - 1
            merit[
                max(0, box.y0 - reach) : box.y1 + min_distance,
                max(0, box.x0 - reach) : box.x1 + min_distance,
            ] = -np.inf
    return chosen
