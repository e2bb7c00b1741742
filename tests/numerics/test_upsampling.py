"""Upsampling and window means against torch and literal loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diffmine.numerics.upsampling import regrid, upsample, window_means


@pytest.mark.parametrize(("shape", "stride"), [((8, 8), 8), ((5, 9), 4), ((1, 7), 3), ((16, 16), 1)])
def test_upsampling_equals_torch(shape: tuple[int, int], stride: int) -> None:
    grid = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    height, width = shape[0] * stride, shape[1] * stride
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(grid)[None, None], size=(height, width), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    np.testing.assert_allclose(upsample(grid, stride, height, width), expected, atol=1e-5)


def test_a_picture_smaller_than_the_padded_grid_is_cropped() -> None:
    grid = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    np.testing.assert_array_equal(upsample(grid, 8, 27, 30), upsample(grid, 8, 32, 32)[:27, :30])


@given(
    arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-50, 50)),
    st.integers(1, 10),
)
def test_window_means_equal_literal_means(image: np.ndarray, size: int) -> None:
    means = window_means(image, size)
    height, width = image.shape
    assert means.shape == (max(0, height - size + 1), max(0, width - size + 1))
    for y in range(means.shape[0]):
        for x in range(means.shape[1]):
            assert means[y, x] == pytest.approx(image[y : y + size, x : x + size].mean())


def test_upsampling_and_window_means_commute_with_the_mean_over_draws() -> None:
    draws = np.random.default_rng(0).normal(size=(20, 6, 6)).astype(np.float32)
    of_mean = window_means(upsample(draws.mean(0), 4, 24, 24), 7)
    mean_of = np.mean([window_means(upsample(one, 4, 24, 24), 7) for one in draws], axis=0)
    np.testing.assert_allclose(of_mean, mean_of, atol=1e-5)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_regridding_to_finer_whole_cells_is_upsampling(h: int, w: int, parts: int) -> None:
    grid = np.random.default_rng(h * w).normal(size=(h, w, 2)).astype(np.float32)
    fine = regrid(grid, (h * parts, w * parts), (1 / parts, 1 / parts))
    for value in range(2):
        expected = upsample(grid[..., value], parts, h * parts, w * parts)
        np.testing.assert_allclose(fine[..., value], expected, atol=1e-5)


def test_regridding_keeps_a_slope_within_the_outermost_centres() -> None:
    columns = (np.arange(5) + 0.5) * 7.0
    cells = (np.arange(8) + 0.5) * 4.0
    found = regrid(np.tile(columns, (3, 1)), (3, 8), (1.0, 4 / 7))
    np.testing.assert_allclose(found, np.tile(np.clip(cells, 3.5, 31.5), (3, 1)), rtol=1e-5)
