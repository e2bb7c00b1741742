"""How many patches of any set are more than chance, at least: one statement for all sets, also those found by looking.

Let a label mean nothing to some of its images. Then these and the null's images are alike, and how many of them have
their best patch above the r-th highest of the null follows from counting alone, whatever typicality is like and however
the patches of one image depend on each other. So with high probability none of a few such counts is exceeded, and
whichever patches are looked at, not more of them can be due to chance.

Interpolation from a reference family: Blanchard, Neuvial and Roquain, *Post hoc confidence bounds on false positives
using reference families* (2020), which closed testing with Simes' tests (all-resolutions inference) is a case of. The
family here is exact for p-values that share their null (Gazin, Blanchard and Roquain, *Transductive conformal
inference with adaptive scores*, 2024), of which Simes' tests lose most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffmine.numerics.significance import FALSE_DISCOVERIES


class Limit(NamedTuple):
    """Of the images to which a label means nothing, at most ``images`` have a patch above the ``level``-th null."""

    level: int
    images: int


def chance_limits(images: int, nulls: int, alpha: float = FALSE_DISCOVERIES) -> list[Limit]:
    """Limits that all hold at once, with probability 1 - alpha.

    The level doubles and its share of alpha halves: most is spent where few null values are in the way.

    Args:
        images: how many images of the label were tested.
        nulls: how many null values there are, one an image.
        alpha: in (0, 1).
    """
    levels = [2**power for power in range(nulls.bit_length())]
    return [Limit(level, _limit(images, nulls, level, alpha / (2 * level))) for level in levels]


def _limit(images: int, nulls: int, level: int, alpha: float) -> int:
    """The least b so that more than b images lie above the ``level``-th null value with probability at most alpha.

    Of all values in falling order, more than b of the images come before the ``level``-th null value just if among the
    first b + level there are fewer than ``level`` null values; any order is as likely as any other.
    """
    from scipy.stats import hypergeom

    low, high = 0, images
    while low < high:
        middle = (low + high) // 2
        if hypergeom.cdf(level - 1, images + nulls, nulls, middle + level) <= alpha:
            high = middle
        else:
            low = middle + 1
    return low


def true_discoveries(above: ArrayLike, image_ids: Sequence[str], limits: Sequence[Limit]) -> int:
    """At least how many patches of a set are more than chance; for all sets of a label's patches at once.

    Args:
        above: (n,), for each patch of the set, how many null values are at least as high.
        image_ids: the image of each patch.
        limits: of :func:`chance_limits`.
    Returns:
        From 0, of which nothing can be concluded, to n.
    """
    counts = np.asarray(above, dtype=np.int64)
    images = np.unique(np.asarray(image_ids, dtype=str), return_inverse=True)[1]
    return max((_beyond(images[counts < limit.level], limit.images) for limit in limits), default=0)


def _beyond(images: NDArray[np.int64], limit: int) -> int:
    """How many patches are left if so many images, those with the most patches, are due to chance."""
    counts = np.sort(np.bincount(images))[::-1]
    return int(counts[limit:].sum())
