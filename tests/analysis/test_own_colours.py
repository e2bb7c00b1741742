"""Which colours are a cluster's own, against mixtures that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.analysis.own_colours import own_colours

USUAL = np.array([0.7, 0.3, 0.0, 0.0])
NEW = np.array([0.0, 0.0, 0.75, 0.25])


@given(share=st.floats(0.15, 1.0), seed=st.integers(0, 99))
def test_a_mixture_is_taken_apart(share: float, seed: int) -> None:
    """Crops are the usual but for a known share, which is three quarters of one colour and a quarter of another."""
    noise = np.random.default_rng(seed).normal(0, 0.002, (60, 4))
    shown = share * NEW + (1 - share) * USUAL + noise[:30]
    found = own_colours(shown, USUAL + noise[30:])
    assert found[2] == pytest.approx(0.75, abs=0.05)
    assert found[:2].max() <= 0.05


def test_what_is_as_elsewhere_seldom_has_a_colour_of_its_own() -> None:
    same = np.tile(USUAL, (24, 1))
    assert own_colours(same, same).tolist() == [0, 0, 0, 0]
    random = np.random.default_rng(0)
    rows = [random.dirichlet([2, 2, 2, 6], 72) for _ in range(400)]
    assert np.mean([own_colours(one[:24], one[24:])[:3].max() >= 0.5 for one in rows]) <= 0.1


def test_few_crops_are_not_sure() -> None:
    usual = np.tile(USUAL, (30, 1))
    one = np.array([[0.6, 0.3, 0.1, 0.0]])
    assert own_colours(one, usual).max() == 0
    assert own_colours(np.repeat(one, 30, axis=0), usual)[2] > 0.5
