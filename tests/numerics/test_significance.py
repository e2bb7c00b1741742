from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from diffmine.errors import DataError
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.significance import benjamini_hochberg, empirical_p_values, smallest_q_value

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_p_values_count_null_values_at_least_as_large() -> None:
    assert empirical_p_values([5, 2, 2.5, -9], [1, 2, 2, 3]).tolist() == [1 / 5, 4 / 5, 2 / 5, 1.0]


def test_no_null_values_mean_no_evidence() -> None:
    assert empirical_p_values([5.0], []).tolist() == [1.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=30), st.lists(st.integers(-5, 5), max_size=30))
def test_p_values_equal_literal_counting(observed: list[int], null: list[int]) -> None:
    expected = [(1 + sum(value >= one for value in null)) / (1 + len(null)) for one in observed]
    assert empirical_p_values(observed, null).tolist() == expected


def test_p_values_of_the_null_itself_are_uniform() -> None:
    generator = numpy_generator("null")
    p = empirical_p_values(generator.normal(size=5000), generator.normal(size=5000))
    assert np.abs(np.sort(p) - np.linspace(0, 1, 5000)).max() < 0.04


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        empirical_p_values([np.nan], [1.0])


@settings(max_examples=80, deadline=None)
@given(probabilities)
def test_q_values_are_those_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), atol=1e-12)


@pytest.mark.parametrize(("tests", "nulls"), [(15, 15), (1, 15), (40, 3), (3, 40)])
def test_no_q_value_is_below_the_smallest_that_the_null_allows(tests: int, nulls: int) -> None:
    best = benjamini_hochberg(empirical_p_values(np.full(tests, 9.0), np.zeros(nulls)))
    assert best.tolist() == pytest.approx([smallest_q_value(nulls)] * tests)
    assert smallest_q_value(15) == 0.0625


def test_false_discoveries_stay_below_the_promised_share() -> None:
    """900 patches of nothing and 100 that stand out: of those with q <= 0.1, about a tenth at most are nothing."""
    generator = numpy_generator("discoveries")
    false, found = 0, 0
    for _ in range(40):
        observed = np.concatenate([generator.normal(size=900), generator.normal(4, 1, 100)])
        q = benjamini_hochberg(empirical_p_values(observed, generator.normal(size=20_000)))
        false += int((q[:900] <= 0.1).sum())
        found += int((q <= 0.1).sum())
    assert found > 40 * 80
    assert false / found < 0.12


def test_a_label_that_means_nothing_has_almost_no_significant_patches() -> None:
    generator = numpy_generator("nothing")
    q = benjamini_hochberg(empirical_p_values(generator.normal(size=1000), generator.normal(size=1000)))
    assert (q <= 0.05).mean() < 0.01
