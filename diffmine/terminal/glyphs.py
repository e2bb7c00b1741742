"""Bars, sparklines and safe text, out of characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

LINE, HALF_LINE = "━", "╸"
LEVELS = "▁▂▃▄▅▆▇█"
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that would turn the rest of a line around."""


def visible(text: str) -> str:
    """Text on one line that a terminal can be trusted with: control characters are replaced."""
    return "".join("\ufffd" if unicodedata.category(one) == "Cc" or one in DIRECTIONS else one for one in text)


def bar(value: float, scale: float, width: int) -> str:
    """A bar that is ``width`` characters long at ``scale``, to half a character; empty for what is not positive."""
    halves = round(2 * width * min(max(value / scale, 0.0), 1.0)) if scale > 0 else 0
    full, rest = divmod(halves, 2)
    return LINE * full + HALF_LINE * rest


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve in one line: means of ``width`` equal parts, from the lowest level to the highest."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return ""
    means = np.array([part.mean() for part in np.array_split(finite, min(width, len(finite)))])
    low, span = means.min(), np.ptp(means)
    levels = np.rint((means - low) / span * (len(LEVELS) - 1)).astype(int) if span else np.zeros(len(means), int)
    return "".join(LEVELS[level] for level in levels)
