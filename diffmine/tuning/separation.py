"""How well a setting tells pictures' own labels from wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from diffmine.analysis.proposals import of_size
from diffmine.interfaces import PatchSelector
from diffmine.numerics.bootstrap import Interval, draws, percentile_interval
from diffmine.tuning.terms import PER_VALUE, Terms, spread
from diffmine.types import ByteArray, ImageRecord

Pixels = Callable[[ImageRecord], ByteArray]


@dataclass(frozen=True, slots=True)
class Setting:
    """One choice of everything that is chosen.

    Attributes:
        t_min, t_max: range of timesteps, as shares of the schedule.
        smoothing: standard deviation of the blur, in cells.
        size: side of a patch in pixels.
        draws: (timestep, noise) draws.
    """

    t_min: float
    t_max: float
    smoothing: float
    size: int
    draws: int


@dataclass(frozen=True)
class Separation:
    """The typicality of each picture's best patch, under its own label and under a wrong one.

    Attributes:
        own, wrong: float64, (pictures,).
    """

    own: NDArray[np.float64]
    wrong: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        """By how much each picture's own label is ahead."""
        return self.own - self.wrong

    @property
    def effect(self) -> float:
        """The mean gap over its standard deviation: Cohen's d of paired values (Cohen 1988, d_z)."""
        return float(_effects(self.gap, np.ones((1, len(self.gap))))[0])

    @cached_property
    def effects(self) -> NDArray[np.float64]:
        """The effect in each bootstrap replicate over pictures; the same replicates for all settings of a sample."""
        return _effects(self.gap, self._replicates)

    @property
    def auc(self) -> float:
        """How often a picture under its own label is ahead of a picture under a wrong one; chance 0.5."""
        ranks = rankdata(np.concatenate([self.own, self.wrong]))[: len(self.own)]
        count = len(self.own)
        return float((ranks.sum() - count * (count + 1) / 2) / count**2)

    @cached_property
    def auc_interval(self) -> Interval:
        """Of the pictures that were drawn: 95 % bootstrap interval of ``auc``."""
        wins = (self.own[:, None] > self.wrong) + 0.5 * (self.own[:, None] == self.wrong)
        weights = self._replicates
        return percentile_interval(((weights @ wins) * weights).sum(1) / len(self.own) ** 2)

    @property
    def _replicates(self) -> NDArray[np.float64]:
        return np.concatenate(list(draws(len(self.own), "tuning"))).astype(np.float64)


def separation(
    terms: Sequence[Terms], setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int
) -> Separation:
    """Own and wrong labels' best patches under a setting, as the recipe's selector takes them.

    A picture in which the selector finds no patch counts as one that is not told apart.
    """
    chosen = of_size(selector, setting.size)
    values = [_values(one, setting, chosen, pixels, seed) for one in terms]
    own, wrong = np.array(values, dtype=np.float64).T
    return Separation(own, wrong)


def _values(
    one: Terms, setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int
) -> Iterator[float] | tuple[float, ...]:
    values = spread(one.within(setting.t_min, setting.t_max), setting.draws // PER_VALUE)
    record = one.sampled.record
    found = [
        selector.select(each, record, lambda: pixels(record), stride=one.stride, seed=seed)
        for each in one.maps(values, setting.smoothing)
    ]
    return tuple(best[0].typicality if best else 0.0 for best in found)


def _effects(gap: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The effect with pictures weighted; (replicates,)."""
    total = weights.sum(1)
    mean = weights @ gap / total
    variance = np.maximum(weights @ gap**2 / total - mean**2, np.finfo(float).tiny)
    effects: NDArray[np.float64] = mean / np.sqrt(variance)
    return effects
