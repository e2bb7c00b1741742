"""How surprising is a typicality, if the label meant nothing?

The typicality of a label's patches in images that do not carry the label is what it looks like by chance: the null.
Null values must come about as the observed ones did (the same selector, on the map of the wrong label), since the best
of many positions is high even in noise; and from images that the model has not learned from, as those observed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffmine.errors import DataError

FALSE_DISCOVERIES = 0.05
"""Patches whose q-value is at most this stand above chance."""


def empirical_p_values(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """One-sided p-values, p = (1 + number of null values at least as large) / (1 + number of null values).

    Phipson and Smyth, *Permutation p-values should never be zero* (2010).

    Args:
        observed: (n,), typicality of a label's patches.
        null: (m,), typicality of patches under the label in images that do not carry it.
    Returns:
        (n,), in (0, 1]; with m null values no p-value is below 1 / (m + 1).
    Raises:
        DataError: a value is not finite.
    """
    values = np.asarray(observed, dtype=np.float64)
    chance = np.sort(np.asarray(null, dtype=np.float64))
    if not (np.isfinite(values).all() and np.isfinite(chance).all()):
        raise DataError("a typicality is not finite, so it has no p-value; look for NaN in the model's loss")
    at_least = len(chance) - np.searchsorted(chance, values, side="left")
    p_values: NDArray[np.float64] = (1 + at_least) / (1 + len(chance))
    return p_values


def smallest_q_value(nulls: int) -> float:
    """The least q-value that so many null values allow: that of patches which all are above every one of them."""
    return 1 / (1 + nulls)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """q-values: the share of false discoveries among all patches at least as significant.

    Benjamini and Hochberg, *Controlling the false discovery rate* (1995), as adjusted p-values.

    Args:
        p_values: (n,), in [0, 1], of everything that was tested.
    Returns:
        (n,), in [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q
