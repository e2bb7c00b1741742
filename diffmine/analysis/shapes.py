"""Which way the edges of a patch run, and whether it repeats itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLAIN = 2e-4
"""Mean squared gradient below which a patch has no edges worth a word; grey values in [0, 1]."""
COHERENT = 0.5
"""Coherence of the structure tensor from which on edges have a direction."""
REPEATED = 0.5
"""Autocorrelation from which on a patch repeats itself."""


def lines(grey: NDArray[np.float64]) -> str | None:
    """Which way the edges of a patch run, by the eigenvalues of its mean structure tensor (Bigün & Granlund 1987).

    Args:
        grey: (height, width), in [0, 1].
    Returns:
        ``plain``, ``level lines``, ``upright lines`` or ``slanting lines``; None where edges run every way.
    """
    dy, dx = np.gradient(grey)
    yy, xx, xy = (dy * dy).mean(), (dx * dx).mean(), (dy * dx).mean()
    if yy + xx < PLAIN:
        return "plain"
    if np.hypot(xx - yy, 2 * xy) / (yy + xx) < COHERENT:
        return None
    across = abs(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))  # of the gradient, 0: it points along x
    if across < 22.5:
        return "upright lines"
    return "level lines" if across > 67.5 else "slanting lines"


def repetition(grey: NDArray[np.float64]) -> float:
    """The highest autocorrelation of a patch at a shift along a row or a column, beyond where it first falls to 0.

    Args:
        grey: (height, width).
    Returns:
        in [-1, 1], of the mean over rows or columns; 0 where nothing varies, or nothing comes back.
    """
    found = [0.0]
    for one in (grey, grey.T):
        centred = one - one.mean(axis=1, keepdims=True)
        if centred.std() < 1e-6:
            continue
        shifts = range(1, centred.shape[1] // 2 + 1)
        values = [_correlation(centred[:, shift:], centred[:, :-shift]) for shift in shifts]
        fallen = next((place for place, value in enumerate(values) if value <= 0), len(values))
        found += values[fallen:]
    return max(found)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm > 0 else 0.0
