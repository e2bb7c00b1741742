"""Lower bounds of how many patches are more than chance, against enumeration and in simulations."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.numerics.false_discoveries import Limit, chance_limits, true_discoveries
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.significance import FALSE_DISCOVERIES


def exceeding(images: int, nulls: int, limits: list[Limit]) -> float:
    """How likely is it that some limit is exceeded, by going through all orders of images and null values?"""
    bad = 0
    for places in combinations(range(images + nulls), nulls):
        before = [place - number for number, place in enumerate(places)]  # images above each null value
        bad += any(before[limit.level - 1] > limit.images for limit in limits)
    return bad / comb(images + nulls, nulls)


@pytest.mark.parametrize(("images", "nulls"), [(1, 1), (8, 6), (6, 8), (9, 3), (3, 9), (7, 7)])
@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_limits_hold_at_once_in_all_orders(images: int, nulls: int, alpha: float) -> None:
    limits = chance_limits(images, nulls, alpha)
    assert exceeding(images, nulls, limits) <= alpha
    for limit in limits:
        share = alpha / (2 * limit.level)
        alone = [exceeding(images, nulls, [Limit(limit.level, limit.images - one)]) for one in range(2)]
        assert alone[0] <= share
        assert limit.images == 0 or alone[1] > share, "a lower limit would not hold"


def test_without_null_values_nothing_is_concluded() -> None:
    assert chance_limits(20, 0) == []
    assert true_discoveries([0, 0], ["a", "b"], []) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=9), st.integers(0, 6), st.integers(1, 9))
def test_bounds_are_the_fewest_patches_that_no_limit_forbids(
    patches: list[tuple[int, int]], images: int, nulls: int
) -> None:
    limits = chance_limits(images, nulls)
    above, names = [one[0] for one in patches], [str(one[1]) for one in patches]

    def allowed(false: tuple[int, ...], limit: Limit) -> bool:
        return len({names[one] for one in false if above[one] < limit.level}) <= limit.images

    subsets = [false for size in range(len(patches) + 1) for false in combinations(range(len(patches)), size)]
    most = [max(len(false) for false in subsets if allowed(false, limit)) for limit in limits]
    assert true_discoveries(above, names, limits) == len(patches) - min(most, default=len(patches))


def simulated(
    seed: int, correlation: float, images: int, nulls: int, signal: float, share: float
) -> tuple[int, float, float]:
    """How many patches without a signal are said to be typical; the bound for those with one, all and a cluster's."""
    generator = numpy_generator("false discoveries", seed)

    def best(count: int, raised: int) -> tuple[np.ndarray, np.ndarray]:
        own, places = generator.normal(size=(count, 1)), generator.normal(size=(count, 16))
        values = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * places
        values[:raised, 0] += signal
        order = np.argsort(-values, axis=1)[:, :3]
        return np.take_along_axis(values, order, 1), (order == 0) & (np.arange(count) < raised)[:, None]

    (observed, typical), (null, _) = best(images, round(share * images)), best(nulls, 0)
    above = (null[:, :1, None] >= observed).sum(axis=0).ravel()
    names = np.repeat(np.arange(images), 3).astype(str)
    true, limits = typical.ravel(), chance_limits(images, nulls)

    def bound(rows: np.ndarray) -> int:
        return true_discoveries(above[rows], names[rows].tolist(), limits)

    wrong, found = bound(np.flatnonzero(~true)), np.flatnonzero(true)
    cluster = generator.permutation(found)[:15]
    return wrong, bound(found) / max(1, len(found)), bound(cluster) / max(1, len(cluster))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("share", [0.0, 0.8])
def test_bounds_hold_where_patches_of_an_image_are_alike_and_say_something(correlation: float, share: float) -> None:
    """Any set is bounded by its typical patches just if those that are not typical are bounded by 0."""
    found = [simulated(seed, correlation, 60, 60, signal=4.0, share=share) for seed in range(200)]
    wrong, everything, cluster = np.mean([(one[0] > 0, one[1], one[2]) for one in found], axis=0)
    assert wrong <= FALSE_DISCOVERIES
    assert not share or (everything > 0.6 and cluster > 0.35)
