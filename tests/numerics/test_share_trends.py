"""Trends of shares: against textbook formulas, all deals counted out, and data without a trend."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, norm

from diffmine.numerics.share_trends import share_trend

COUNTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=6)


def answered(hits: list[int], sizes: list[int], values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """One row an answer: where it stands, and whether it is a hit."""
    places = np.repeat(values, sizes)
    return places, np.concatenate([np.arange(n) < h for h, n in zip(hits, sizes, strict=True)]).astype(float)


def test_statistics_are_the_correlation_and_the_chi_squared_of_the_answers() -> None:
    hits, sizes, values = [3, 9, 14, 20], [30, 25, 40, 35], [1900, 1910, 1940, 1950]
    found, (places, hit) = share_trend(hits, sizes, values), answered(hits, sizes, values)
    correlation = np.corrcoef(places, hit)[0, 1]
    assert found.z == pytest.approx(np.sqrt(len(hit) - 1) * correlation)
    table = [hits, np.subtract(sizes, hits)]
    chi_squared = chi2_contingency(table, correction=False).statistic * (len(hit) - 1) / len(hit)
    assert found.linear == pytest.approx(found.z**2 / chi_squared)


def test_p_values_are_those_of_all_deals_counted_out() -> None:
    hits, sizes, values = [0, 1, 3], [4, 3, 4], [0.0, 1.0, 2.0]
    deals = [deal for deal in product(*(range(n + 1) for n in sizes)) if sum(deal) == sum(hits)]
    weights = np.array([np.prod([comb(n, h) for h, n in zip(deal, sizes, strict=True)]) for deal in deals], float)
    trends = np.array([abs(np.dot(np.subtract(d, np.multiply(sizes, 4 / 11)), values)) for d in deals])
    here = abs(np.dot(np.subtract(hits, np.multiply(sizes, 4 / 11)), values))
    exact = weights[trends >= here - 1e-9].sum() / weights.sum()
    assert share_trend(hits, sizes, values).trend_p == pytest.approx(exact, abs=4 * np.sqrt(exact / 10000))


def test_with_many_answers_p_values_are_those_of_the_normal_and_of_chi_squared() -> None:
    hits, sizes, values = [210, 230, 200, 260], [500, 500, 500, 500], [1, 2, 3, 4]
    found = share_trend(hits, sizes, values)
    assert found.trend_p == pytest.approx(2 * norm.sf(abs(found.z)), abs=0.015)
    expected = chi2_contingency([hits, np.subtract(sizes, hits)], correction=False).pvalue
    assert found.change_p == pytest.approx(expected, abs=0.01)


def test_what_comes_and_goes_changes_and_has_no_trend() -> None:
    found = share_trend([1, 10, 25, 10, 1], [30] * 5, range(5))
    assert found.change_p < 0.001
    assert found.trend_p > 0.9
    assert found.either_p == 2 * found.change_p
    assert found.linear == pytest.approx(0)


@given(COUNTS)
@settings(max_examples=30, deadline=None)
def test_turned_around_everything_stays_but_the_sign(counts: list[tuple[int, int]]) -> None:
    hits = [hit for hit, _ in counts]
    sizes = [hit + miss for hit, miss in counts]
    values = np.arange(len(counts), dtype=float)
    one, other = share_trend(hits, sizes, values), share_trend(hits, sizes, -values)
    assert (one.z, one.trend_p, one.change_p) == pytest.approx((-other.z, other.trend_p, other.change_p))
    assert 0 < one.trend_p <= 1
    assert 0 < one.change_p <= 1
    assert 0 <= one.linear <= 1


def test_where_nothing_changes_p_values_are_seldom_small() -> None:
    generator = np.random.default_rng(0)
    found = [share_trend(generator.binomial(20, 0.3, 6), [20] * 6, range(6)) for _ in range(300)]
    for values in ([one.trend_p for one in found], [one.change_p for one in found]):
        assert np.mean(np.array(values) <= 0.05) <= 0.09  # 0.05 and three standard errors


@pytest.mark.parametrize(("hits", "sizes"), [([0, 0], [5, 5]), ([5, 5], [5, 5]), ([3, 0], [5, 0])])
def test_of_nothing_or_everything_nothing_is_told(hits: list[int], sizes: list[int]) -> None:
    assert share_trend(hits, sizes, [0, 1]) == (0.0, 1.0, 1.0, 0.0)
