"""Bootstrap intervals: whole images are drawn again with replacement, because the values of one image hang together.

Percentile intervals as in Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13. All draws are
keyed, so that a figure and its interval are the same on every machine and in whatever order the values come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffmine.numerics.seeding import numpy_generator

REPLICATES = 1000
LEVEL = 0.95
CHUNK_CELLS = 4_000_000


class Interval(NamedTuple):
    """Bounds that hold the figure with a confidence of ``LEVEL``."""

    low: float
    high: float


def mean_interval(values: ArrayLike, images: Sequence[str], *key: object) -> Interval | None:
    """Interval of the mean of ``values``.

    Args:
        values: (n,), finite.
        images: the image of each value.
        key: what the draw is for.
    Returns:
        None with fewer than two images: one image says nothing about others.
    """
    names, image = np.unique(np.asarray(images, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(image, np.asarray(values, dtype=np.float64))
    counts = np.bincount(image)
    means = np.concatenate([weights @ sums / (weights @ counts) for weights in draws(len(names), *key)])
    return percentile_interval(means)


def median_interval(values: ArrayLike, images: Sequence[str], *key: object) -> Interval | None:
    """Interval of the median of ``values``; see :func:`mean_interval`."""
    names, image = np.unique(np.asarray(images, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    column = np.asarray(values, dtype=np.float64)
    order = np.argsort(column, kind="stable")
    medians = [
        _weighted_medians(column[order], weights, image[order])
        for weights in draws(len(names), *key, cells=len(column))
    ]
    return percentile_interval(np.concatenate(medians))


def draws(images: int, *key: object, cells: int = 0) -> Iterator[NDArray[np.int64]]:
    """How often each image is drawn in each replicate, in chunks that bound memory.

    Args:
        images: number of images.
        key: what the draw is for.
        cells: numbers that the caller needs for each replicate, where more than ``images``.
    Yields:
        (replicates of the chunk, images); ``REPLICATES`` rows in all, each adding up to ``images``.
    """
    generator = numpy_generator("bootstrap", *key)
    chunk = max(1, CHUNK_CELLS // max(images, cells))
    for start in range(0, REPLICATES, chunk):
        size = min(chunk, REPLICATES - start)
        yield generator.multinomial(images, np.full(images, 1 / images), size=size)


def percentile_interval(statistics: NDArray[np.float64]) -> Interval:
    """The central ``LEVEL`` of the replicates' statistics."""
    low, high = np.quantile(statistics, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _weighted_medians(
    values: NDArray[np.float64], weights: NDArray[np.int64], image: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The median of ``values``, ascending, with each repeated as often as its image was drawn."""
    cumulative = np.cumsum(weights[:, image], axis=1)
    half = cumulative[:, -1:] / 2
    lower = values[np.argmax(cumulative >= half, axis=1)]
    upper = values[np.argmax(cumulative > half, axis=1)]
    medians: NDArray[np.float64] = (lower + upper) / 2
    return medians
