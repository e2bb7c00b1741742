"""Covering changes nothing outside, and leaves nothing inside."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmine.numerics.seeding import numpy_generator
from diffmine.pictures.covering import cover, within
from diffmine.types import Box

HEIGHT, WIDTH = 20, 24


@settings(max_examples=15, deadline=None)
@given(st.integers(0, HEIGHT - 6), st.integers(0, WIDTH - 6), st.integers(1, 6), st.integers(0, 9))
def test_all_outside_stays_and_what_was_inside_does_not_matter(y: int, x: int, side: int, seed: int) -> None:
    pixels = numpy_generator("covering", seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    mask = within([Box(y, x, y + side, x + side)], HEIGHT, WIDTH)
    covered = cover(pixels, mask)
    assert (covered[~mask] == pixels[~mask]).all()
    other = pixels.copy()
    other[mask] = 255 - other[mask]
    assert (cover(other, mask) == covered).all()


def test_a_plain_ground_goes_on_under_what_was_painted_on_it() -> None:
    ground = np.full((HEIGHT, WIDTH, 3), (40, 120, 200), dtype=np.uint8)
    painted = ground.copy()
    mask = within([Box(0, 0, 5, 8), Box(10, 10, 14, 14)], HEIGHT, WIDTH)
    painted[mask] = 255
    assert (cover(painted, mask) == ground).all()


def test_nothing_to_cover_and_nothing_to_go_on_from() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    assert (cover(pixels, np.zeros((HEIGHT, WIDTH), dtype=bool)) == pixels).all()
    assert (cover(pixels, np.ones((HEIGHT, WIDTH), dtype=bool)) == 128).all()
