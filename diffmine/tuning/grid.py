"""The settings that are tried."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from diffmine.tuning.terms import PER_VALUE, T_MAX, T_MIN, Terms

EDGES = (T_MIN, *(tenth / 10 for tenth in range(1, 10)), T_MAX)
"""Where ranges of timesteps begin and end, as shares of the schedule."""
BANDS = tuple(pairwise(EDGES))
NARROWEST = 0.28
"""Narrower ranges than about three tenths are not tried: they rest on few timesteps."""
RANGES = tuple((low, high) for low, high in combinations(EDGES, 2) if high - low > NARROWEST)
SHARES = (1 / 8, 3 / 16, 1 / 4, 5 / 16, 3 / 8, 7 / 16, 1 / 2)
"""Sides of patches, as shares of the pictures' shorter side."""
DRAWS = (4, 8, 12, 16, 24, 32, 48, 64, 100)


def sizes(terms: Sequence[Terms], own: int) -> list[int]:
    """Sides of patches in pixels: shares of the typical picture in whole cells, and the recipe's own."""
    short = sorted(min(one.sampled.record.width, one.sampled.record.height) for one in terms)
    stride = terms[0].stride
    cells = {max(stride, round(share * short[len(short) // 2] / stride) * stride) for share in SHARES}
    return sorted(size for size in cells | {own} if size <= short[0])


def equal_draws(terms: Sequence[Terms]) -> int:
    """As many draws as the narrowest range holds in every picture, so that ranges are compared at equal cost."""
    least = min(len(one.within(*bounds)) for one in terms for bounds in RANGES)
    return least * PER_VALUE
