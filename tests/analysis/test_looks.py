"""Colours and shapes in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.colors import CSS4_COLORS, to_rgb

from diffmine.analysis.colour_terms import TERMS, term_shares
from diffmine.analysis.shapes import REPEATED, lines, repetition

MODIFIERS = ("", "dark", "light", "medium", "deep", "pale", "dim", "hot")
NAMED = {modifier + term: term for modifier in MODIFIERS for term in TERMS if modifier + term in CSS4_COLORS}
"""Web colours such as darkgreen: named by others than those of the survey."""
SIDE = 32


def test_web_colours_have_the_terms_that_they_are_named_by() -> None:
    pixels = {name: (np.array(to_rgb(CSS4_COLORS[name])) * 255).astype(np.uint8) for name in NAMED}
    told = {name: next(iter(term_shares(one))) for name, one in pixels.items()}
    wrong = {name: term for name, term in told.items() if term != NAMED[name]}
    assert len(NAMED) > 25
    assert len(wrong) <= 0.15 * len(NAMED), wrong


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))))
def test_shares_are_of_all_pixels_the_largest_first(pixels: np.ndarray) -> None:
    shares = list(term_shares(pixels).values())
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(0, "upright lines"), (90, "level lines"), (45, "slanting lines"), (135, "slanting lines")],
)
def test_the_way_of_lines_is_told(degrees: float, expected: str) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    along = np.cos(np.radians(degrees)) * x + np.sin(np.radians(degrees)) * y
    assert lines(0.5 + 0.4 * np.sin(along / 3)) == expected


def test_blank_and_noisy_patches_have_no_way() -> None:
    assert lines(np.full((SIDE, SIDE), 0.5)) == "plain"
    assert lines(np.random.default_rng(0).random((SIDE, SIDE))) is None


def test_stripes_repeat_and_an_edge_does_not() -> None:
    x = np.tile(np.arange(SIDE), (SIDE, 1))
    assert repetition(np.sin(x * 2 * np.pi / 8)) > 0.9
    assert repetition(np.sin(x * 2 * np.pi / 8).T) > 0.9
    assert repetition((x > SIDE / 2).astype(float)) < REPEATED
    assert repetition(np.zeros((SIDE, SIDE))) == 0
