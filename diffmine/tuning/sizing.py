"""The size of the elements that labels hang on, told without masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.proposals import of_size
from diffmine.interfaces import PatchSelector
from diffmine.numerics.upsampling import upsample
from diffmine.tuning.separation import Pixels, Separation, Setting
from diffmine.tuning.terms import Terms
from diffmine.types import IntArray


@dataclass(frozen=True)
class Fit:
    """How well windows of each size fit what a label explains.

    Attributes:
        sizes: sides in pixels, rising, (sizes,).
        own, wrong: typicality of each picture's best window of each size under its own label and under a wrong one,
            told by other draws than placed it; float64, (pictures, sizes).
    """

    sizes: tuple[int, ...]
    own: NDArray[np.float64]
    wrong: NDArray[np.float64]

    @cached_property
    def best(self) -> NDArray[np.int64]:
        """The size that fits best in each picture whose own label is ahead; (pictures at most,).

        The sum of the gap over a window, divided by the square root of its area, is its signal-to-noise ratio under
        white noise; of windows on one element it is largest at the element's own size (a matched filter).
        """
        strength = (self.own - self.wrong) * np.asarray(self.sizes)
        ahead = strength.max(1) > 0
        best: NDArray[np.int64] = np.asarray(self.sizes)[strength[ahead].argmax(1)]
        return best

    @property
    def shares(self) -> Mapping[int, float]:
        """The share of pictures in which each size fits best."""
        counts = Counter(self.best.tolist())
        return {size: counts[size] / max(1, len(self.best)) for size in self.sizes}

    def typical(self, otherwise: int) -> int:
        """The median over pictures; ``otherwise`` where no picture's own label is ahead."""
        if not len(self.best):
            return otherwise
        return int(np.quantile(self.best, 0.5, method="inverted_cdf"))

    def separation(self, size: int) -> Separation:
        """How well labels are told apart at one size."""
        column = self.sizes.index(size)
        return Separation(self.own[:, column], self.wrong[:, column])


def fit(
    terms: Sequence[Terms], sizes: Sequence[int], setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int
) -> Fit:
    """Place windows of every size by one half of the draws and tell their typicality by the other, both ways.

    So a window is not judged by the noise that placed it, which would favour small ones.
    """
    selectors = [of_size(selector, size) for size in sizes]
    values = [[_crossed(one, setting, chosen, pixels, seed) for chosen in selectors] for one in terms]
    own, wrong = np.moveaxis(np.array(values, dtype=np.float64), 2, 0)
    return Fit(tuple(sizes), own, wrong)


def _crossed(one: Terms, setting: Setting, selector: PatchSelector, pixels: Pixels, seed: int) -> NDArray[np.float64]:
    """Typicality under the own label and the wrong one, (2,); 0 where the selector finds no patch."""
    within = one.within(setting.t_min, setting.t_max)
    halves = within[0::2], within[1::2]
    told = [_told(one, *pair, setting, selector, pixels, seed) for pair in (halves, halves[::-1])]
    crossed: NDArray[np.float64] = np.mean(told, axis=0)
    return crossed


def _told(
    one: Terms,
    placing: IntArray,
    telling: IntArray,
    setting: Setting,
    selector: PatchSelector,
    pixels: Pixels,
    seed: int,
) -> list[float]:
    record, found = one.sampled.record, []
    maps = zip(one.maps(placing, setting.smoothing), one.maps(telling, setting.smoothing), strict=True)
    for placed, told in maps:
        best = selector.select(placed, record, partial(pixels, record), stride=one.stride, seed=seed)
        image = upsample(told.mean, one.stride, record.height, record.width)
        found.append(float(image[best[0].box.slices()].mean()) if best else 0.0)
    return found
