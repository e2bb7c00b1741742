from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffmine.numerics.boxes import box_means, coverage, unit_rows
from diffmine.types import Box


@st.composite
def intervals(draw: st.DrawFn) -> tuple[int, int, float, int]:
    """An interval of whole pixels within a grid whose cells need not be whole pixels."""
    pixels, cells = draw(st.integers(1, 200)), draw(st.integers(1, 40))
    start = draw(st.integers(0, pixels - 1))
    return start, draw(st.integers(start + 1, pixels)), pixels / cells, cells


@given(intervals())
def test_weights_are_shares_of_cells_that_the_interval_touches(interval: tuple[int, int, float, int]) -> None:
    start, stop, cell, cells = interval
    weights = coverage(start, stop, cell, cells)
    assert (weights >= 0).all()
    assert np.isclose(weights.sum(), 1)
    edges = np.arange(cells + 1) * cell
    outside = (edges[1:] <= start) | (edges[:-1] >= stop)
    assert (weights[outside] == 0).all()


@given(intervals())
def test_a_linear_map_gives_the_value_of_the_centre(interval: tuple[int, int, float, int]) -> None:
    start, stop, cell, cells = interval
    centres = (np.arange(cells) + 0.5) * cell
    error = abs(coverage(start, stop, cell, cells) @ centres - (start + stop) / 2)
    assert error <= cell**2 / (8 * (stop - start)) + 1e-9


@given(st.integers(1, 5), st.integers(0, 20), st.integers(1, 9))
def test_a_linear_map_is_exact_for_whole_numbers_of_cells(cell: int, start: int, length: int) -> None:
    cells = 40
    weights = coverage(start, start + length * cell, cell, cells)
    assert np.isclose(weights @ ((np.arange(cells) + 0.5) * cell), start + length * cell / 2)


@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(*[st.integers(0, 23)] * 4), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_box_means_are_means_over_pixels_of_the_enlarged_grid(
    h: int, w: int, corners: list[tuple[int, int, int, int]], seed: int
) -> None:
    grid = np.random.default_rng(seed).normal(size=(3, h, w)).astype(np.float32)
    cell = 4
    boxes = []
    for y, x, tall, wide in corners:
        y0, x0 = y % (h * cell), x % (w * cell)
        boxes.append(Box(y0, x0, y0 + 1 + tall % (h * cell - y0), x0 + 1 + wide % (w * cell - x0)))
    enlarged = grid.repeat(cell, 1).repeat(cell, 2)
    expected = [enlarged[:, box.y0 : box.y1, box.x0 : box.x1].mean((1, 2)) for box in boxes]
    found = box_means(torch.from_numpy(grid), boxes, h * cell, w * cell)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_rows_of_zeros_get_a_direction_of_their_own() -> None:
    units = unit_rows(np.array([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1e-30, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(units, [[0.6, 0.8, 0, 0], [0.5] * 4, [1, 0, 0, 0]], rtol=1e-6)
