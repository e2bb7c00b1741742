from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.shares import mean_share_interval, modified_wilson, ratio_of_shares, share_interval

SHARES = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99)


def test_unanimous_pictures_leave_room() -> None:
    assert mean_share_interval([1.0] * 17, [str(i) for i in range(17)], [1] * 17) == pytest.approx((0.816, 1), abs=1e-3)
    assert mean_share_interval([0.0] * 17, [str(i) for i in range(17)], [1] * 17) == pytest.approx((0, 0.184), abs=1e-3)


@pytest.mark.parametrize(("hits", "answers"), [(12, 17), (30, 84), (50, 100), (0, 30)])
def test_where_neither_hits_nor_misses_are_few_it_is_wilsons(hits: int, answers: int) -> None:
    expected = binomtest(hits, answers).proportion_ci(method="wilson")
    assert modified_wilson(hits, answers) == pytest.approx((expected.low, expected.high))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Exactly, without chance: the probability of each count of hits, summed over those whose interval holds the share.

    Where no set of neighbouring counts has 92 to 98 % (of 17 at 0.99: 84.3 % or 98.8 %), more is right.
    """
    held = {}
    for answers in range(17, 101):
        bounds = np.array([modified_wilson(hits, answers) for hits in range(answers + 1)])
        for share in SHARES:
            inside = (bounds[:, 0] <= share) & (share <= bounds[:, 1])
            held[answers, share] = binom.pmf(np.arange(answers + 1), answers, share)[inside].sum()
    assert min(held.values()) > 0.915
    assert np.mean([probability >= 0.92 for probability in held.values()]) > 0.995
    assert np.mean(list(held.values())) == pytest.approx(0.95, abs=0.01)
    assert held[17, 0.99] == pytest.approx(0.988, abs=1e-3)
    too_wide = [key for key, probability in held.items() if probability > 0.98]
    assert all(share >= 0.97 or share in (0.05, 0.95) for _, share in too_wide)


@pytest.mark.parametrize("together", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_answers_of_one_picture_may_hang_together(together: float, share: float) -> None:
    """Three answers a picture, whose correlation is ``together`` (beta-binomial)."""
    generator = numpy_generator("together", together, share)
    trials, pictures, each, hits = 1000, 40, 3, 0
    if together:
        strength = (1 - together) / together
        chances = generator.beta(share * strength, (1 - share) * strength, (trials, pictures))
    else:
        chances = np.full((trials, pictures), share)
    for values in generator.binomial(each, chances) / each:
        low, high = mean_share_interval(values, [str(i) for i in range(pictures)], [each] * pictures)
        hits += low <= share <= high
    assert 0.92 <= hits / trials <= 0.98


def test_one_answer_a_picture_is_the_binomial_case() -> None:
    values = [1.0] * 12 + [0.0] * 5
    clustered = mean_share_interval(values, [str(i) for i in range(17)], [1] * 17)
    assert clustered == pytest.approx(modified_wilson(12, 17))
    same_pictures = mean_share_interval(np.repeat(values, 3), [str(i // 3) for i in range(51)], [1] * 51)
    assert same_pictures == pytest.approx(clustered), "said three times, it is no surer"


def test_a_share_between_that_never_varies_is_no_surer_than_its_answers() -> None:
    assert share_interval(0.5, 0.0, 10, 20) == modified_wilson(10, 20)


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    answers = 100
    shares = (0.005, 0.01, 0.03, 0.1, 0.3, 0.5, 0.8, 0.95)
    hits = np.arange(answers + 1)
    intervals = np.array([[ratio_of_shares(one, two, answers)[1] for two in hits] for one in hits])
    coverage = [
        np.outer(binom.pmf(hits, answers, one), binom.pmf(hits, answers, two))[
            (intervals[..., 0] <= one / two) & (one / two <= intervals[..., 1])
        ].sum()
        for one in shares
        for two in shares
    ]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
    assert min(coverage) > 0.9


def test_no_hits_at_all_leave_the_ratio_open() -> None:
    ratio, (low, high) = ratio_of_shares(0, 0, 100)
    assert ratio == 1
    assert low < 0.1
    assert high > 10
