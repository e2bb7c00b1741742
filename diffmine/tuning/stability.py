"""How much the order of pictures, and where their best patches lie, still depends on the draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import spearmanr

from diffmine.analysis.proposals import of_size
from diffmine.interfaces import PatchSelector
from diffmine.tuning.grid import DRAWS
from diffmine.tuning.separation import Pixels, Setting
from diffmine.tuning.terms import PER_VALUE, Terms, spread
from diffmine.types import Box, IntArray

TOLERANCE = 0.05
"""A number of draws is enough where twice as many would agree by less than this more."""
LEAST_DRAWS = 4


@dataclass(frozen=True, slots=True)
class Stability:
    """What two independent sets of so many draws agree on.

    Attributes:
        order: rank correlation of the values of pictures' best patches.
        place: mean overlap (intersection over union) of the best patches.
        measured: whether so many draws were made twice; else ``order`` is foretold from fewer.
    """

    order: float
    place: float | None
    measured: bool


def stability(
    terms: Sequence[Terms], setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int
) -> dict[int, Stability]:
    """Agreement by number of draws: measured as far as the sample's draws go, then by the Spearman-Brown formula.

    Spearman 1910, Brown 1910: if n draws agree with others by r, k n agree by k r / (1 + (k - 1) r).
    """
    most = min(len(one.within(setting.t_min, setting.t_max)) for one in terms) // 2 * PER_VALUE
    chosen = of_size(selector, setting.size)
    found: dict[int, Stability] = {}
    for draws in [draws for draws in DRAWS if draws <= most]:
        one, other = (_best(terms, setting, chosen, pixels, seed, draws, half) for half in (0, 1))
        order = float(spearmanr([value for value, _ in one], [value for value, _ in other]).statistic)
        place = float(np.mean([overlap(a, b) for (_, a), (_, b) in zip(one, other, strict=True)]))
        found[draws] = Stability(0.0 if np.isnan(order) else order, place, True)
    if found:
        last = max(found)
        for draws in [draws for draws in DRAWS if draws > last]:
            found[draws] = Stability(foretold(found[last].order, draws / last), None, False)
    return found


def foretold(agreement: float, times: float) -> float:
    """The agreement of so many times the draws (Spearman-Brown); of draws that do not agree, none."""
    agreement = max(0.0, agreement)
    return times * agreement / (1 + (times - 1) * agreement)


def enough(found: Mapping[int, Stability]) -> int:
    """The smallest number of draws after which twice as many would agree by less than the tolerance more."""
    for draws in sorted(found):
        if foretold(found[draws].order, 2) - found[draws].order < TOLERANCE and found[draws].order > 0:
            return draws
    return max(found, default=LEAST_DRAWS)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    height = max(0, min(one.y1, other.y1) - max(one.y0, other.y0))
    width = max(0, min(one.x1, other.x1) - max(one.x0, other.x0))
    common = height * width
    return common / (one.area + other.area - common)


def _best(
    terms: Sequence[Terms], setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int, draws: int, half: int
) -> list[tuple[float, Box]]:
    nothing = Box(0, 0, 1, 1)
    found = []
    for one in terms:
        values: IntArray = spread(one.within(setting.t_min, setting.t_max)[half::2], draws // PER_VALUE)
        own, record = one.maps(values, setting.smoothing)[0], one.sampled.record
        best = selector.select(own, record, partial(pixels, record), stride=one.stride, seed=seed)
        found.append((best[0].typicality, best[0].box) if best else (0.0, nothing))
    return found
