"""Who can still enter or leave the best of a list, when every value is the mean of some draws and more can be had."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def totals(first: int, most: int, step: int, growth: float = 1.5) -> tuple[int, ...]:
    """The draws that a picture has had after each round: half as many again each time, in whole steps.

    Args:
        first, most: after the first round and at the end.
        step: in which draws can be stored and added to.
    Returns:
        rising, from ``first`` to ``most``.
    """
    rounds = [first]
    while rounds[-1] < most:
        wanted = max(rounds[-1] + step, int(rounds[-1] * growth) // step * step)
        rounds.append(min(most, wanted))
    return tuple(rounds)


def undecided(
    values: NDArray[np.floating], errors: NDArray[np.floating], keep: int, share: float, risk: float = 0.5
) -> NDArray[np.bool_]:
    """Which values may lie on the wrong side of the border between the best and the rest.

    The border lies halfway between the last that would be kept and the first that would not. A value is decided when
    the chance that its true place is beyond the border is at most ``risk`` times the share of the draws that it has
    had: little is decided on few draws and only what is clear, while the last draws go to the nearest alone, which even
    all draws could not tell apart. Error is spent in proportion to what has been drawn, as in group-sequential trials
    (Lan & DeMets 1983, *Discrete sequential boundaries for clinical trials*; here at each look, not over all, and
    taking the border as known).

    Args:
        values: means so far, (candidates,).
        errors: their standard errors, (candidates,).
        keep: how many are kept.
        share: of the most draws, that these values have had, in (0, 1].
        risk: as above.
    Returns:
        (candidates,); all False where everything is kept.
    """
    if len(values) <= keep:
        return np.zeros(len(values), dtype=bool)
    around = -np.partition(-values.astype(np.float64), (keep - 1, keep))[keep - 1 : keep + 1]
    reach = -NormalDist().inv_cdf(min(0.5, risk * share))
    found: NDArray[np.bool_] = np.abs(values - around.mean()) < reach * errors
    return found
