"""Does a share rise or fall along an axis, or change at all?

Both tests hold the counts against all ways to deal the same hits out among the same pictures: pictures, hits and
labels' sizes stay, and only which label has the hits is left to chance (a multivariate hypergeometric distribution). So
they are exact, however few the pictures are, but for the Monte-Carlo error of ``DRAWS`` deals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffmine.numerics.seeding import numpy_generator

DRAWS = 9999
SAME = 1 - 1e-9
"""Statistics that differ by less than rounding are equal."""


class ShareTrend(NamedTuple):
    """What the tests tell.

    Attributes:
        z: Cochran and Armitage's statistic, standard normal for large counts where the share is the same everywhere;
            positive: it rises.
        trend_p: two-sided, of ``z``.
        change_p: of the chi-squared statistic of homogeneity: whether the share differs anywhere.
        linear: the part of that statistic which a straight line explains, in [0, 1]; 0 where the share is the same.
    """

    z: float
    trend_p: float
    change_p: float
    linear: float

    @property
    def either_p(self) -> float:
        """Of both tests together, by Bonferroni: whether there is a trend or any other change."""
        return min(1.0, 2 * min(self.trend_p, self.change_p))


def share_trend(hits: ArrayLike, answers: ArrayLike, values: ArrayLike) -> ShareTrend:
    """Test a share for a trend (Cochran 1954; Armitage, *Tests for Linear Trends in Proportions and Frequencies*,
    Biometrics 11, 1955) and for any change.

    Args:
        hits: (labels,), integer, from 0 to ``answers``.
        answers: (labels,), integer: independent yes-or-no answers of each label.
        values: (labels,): where each label stands on the axis.
    """
    counts, sizes = np.asarray(hits, dtype=np.int64), np.asarray(answers, dtype=np.int64)
    places = np.asarray(values, dtype=np.float64)
    total, hit = int(sizes.sum()), int(counts.sum())
    if not 0 < hit < total or np.count_nonzero(sizes) < 2:
        return ShareTrend(0.0, 1.0, 1.0, 0.0)
    generator = numpy_generator("share trend", *counts.tolist(), *sizes.tolist())
    dealt = generator.multivariate_hypergeometric(sizes, hit, size=DRAWS, method="marginals")
    z, change = _statistics(np.vstack([counts, dealt]), sizes, places)
    linear = min(float(z[0] ** 2 / change[0]), 1.0) if change[0] > 0 else 0.0
    return ShareTrend(float(z[0]), _as_extreme(np.abs(z)), _as_extreme(change), linear)


def _statistics(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each row of counts the trend's z and the chi-squared, by the variance that dealing has."""
    total, share = sizes.sum(), counts[0].sum() / sizes.sum()
    variance = share * (1 - share) * total / (total - 1)
    off = counts - sizes * share
    centred = places - (sizes @ places) / total
    spread = float(np.sqrt(variance * (sizes @ centred**2)))
    z = off @ centred / spread if spread else np.zeros(len(counts))
    change = (off[:, sizes > 0] ** 2 / sizes[sizes > 0]).sum(axis=1) / variance
    return z, change


def _as_extreme(statistics: NDArray[np.float64]) -> float:
    """The p-value of the first among all: how many are at least as large."""
    return float(np.mean(statistics >= statistics[0] * SAME))
