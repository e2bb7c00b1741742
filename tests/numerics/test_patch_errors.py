"""The standard error of a patch, against what many maps scatter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from diffmine.numerics.autocorrelation import REACH, autocorrelation
from diffmine.numerics.blocks import doubled, halved
from diffmine.numerics.patch_errors import patch_stderr
from diffmine.numerics.upsampling import upsample
from diffmine.types import Box

BOXES = (Box(0, 0, 16, 16), Box(9, 21, 25, 37), Box(40, 50, 52, 60))


@pytest.mark.parametrize("blur", [0.0, 0.6, 1.2])
def test_it_is_what_the_means_of_many_maps_scatter(blur: float) -> None:
    rng = np.random.default_rng(0)
    scale = 1 + np.hypot(*np.mgrid[:14, :16]) / 10
    noise = gaussian_filter(rng.normal(size=(4000, 14, 16)), (0, blur, blur), mode="nearest") * scale
    images = [upsample(one.astype(np.float32), 4, 52, 62) for one in noise]
    stderr = noise.std(0).astype(np.float32)
    products, scaled = autocorrelation(noise) / len(noise), autocorrelation(stderr[None])
    correlation = np.divide(products, scaled, out=np.zeros_like(scaled), where=scaled > 1e-9).astype(np.float32)
    for box in BOXES:
        scatter = np.std([image[box.slices()].mean() for image in images])
        assert patch_stderr(box, stderr, correlation, 4, 52, 62) == pytest.approx(scatter, rel=0.1)
        assert patch_stderr(box, stderr, None, 4, 52, 62) > 1.15 * scatter


def test_autocorrelation_is_the_sum_of_products_by_lag() -> None:
    fields = np.random.default_rng(0).normal(size=(2, 5, 9))
    found = autocorrelation(fields)
    for dy, dx in ((0, 0), (2, 3), (-1, 4), (4, -7)):
        expected = sum(
            field[y, x] * field[y + dy, x + dx]
            for field in fields
            for y in range(5)
            for x in range(9)
            if 0 <= y + dy < 5 and 0 <= x + dx < 9
        )
        assert found[REACH + dy, REACH + dx] == pytest.approx(expected)
    assert found[REACH + 6, REACH] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (1, 1)])
def test_halving_what_was_doubled_changes_nothing(shape: tuple[int, int]) -> None:
    coarse = np.random.default_rng(0).random(((shape[0] + 1) // 2, (shape[1] + 1) // 2)).astype(np.float16)
    again = halved(doubled(coarse.astype(np.float32), shape)).astype(np.float16)
    np.testing.assert_array_equal(again, coarse)
