from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from diffmine.analysis.agreement import agreement_of, compare_runs, overlap, rank_correlation, shared_patches
from diffmine.errors import DataError
from diffmine.testing.planted import planted_run
from diffmine.types import Box, Patch


def patch(image_id: str, y: int, x: int, side: int = 10) -> Patch:
    return Patch(image_id, "a", Box(y, x, y + side, x + side), 1.0, 0.1, "top", 0)


boxes = st.builds(lambda y, x, h, w: Box(y, x, y + h, x + w), *[st.integers(0, 12)] * 2, *[st.integers(1, 12)] * 2)


@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_overlap_equals_counting_pixels(one: Box, other: Box) -> None:
    pixels = np.zeros((2, 24, 24), dtype=bool)
    pixels[(0, *one.slices())] = pixels[(1, *other.slices())] = True
    assert overlap(one, other) == pytest.approx(pixels.all(axis=0).sum() / pixels.any(axis=0).sum())


def test_patches_are_shared_when_they_overlap_by_half_and_each_only_once() -> None:
    first = [patch("x", 0, 0), patch("x", 0, 20), patch("y", 0, 0)]
    second = [patch("x", 3, 0), patch("x", 0, 1), patch("x", 0, 24), patch("z", 0, 0)]
    assert shared_patches(first, second) == [(0, 1)]  # 0.54 and 0.82 of the union; the third overlaps by 0.43


def test_every_outlier_is_alone() -> None:
    first, second = [0, 0, 0, -1, -1, -1], [0, 0, 0, 1, 1, 1]
    assert agreement_of(first, second)[0] == pytest.approx(adjusted_rand_score([0, 0, 0, 1, 2, 3], second))
    assert agreement_of([-1] * 4, [-1] * 4) == (1.0, 1.0)


def test_a_run_agrees_with_itself() -> None:
    run = planted_run()
    agreement = compare_runs(run, planted_run())
    assert (agreement.common, agreement.adjusted_rand, agreement.shared) == (1.0, 1.0, 36)
    assert agreement.mutual_information == pytest.approx(1.0)
    assert {match.fate for match in agreement.matches} == {"kept"}


def test_runs_that_share_hardly_a_patch_are_not_compared_by_clusters() -> None:
    first, second = planted_run(), planted_run()
    kept = np.flatnonzero(np.array(second.patches["selection"].to_pylist()) == "top")[:2]
    shift = np.where(np.isin(np.arange(second.patches.num_rows), kept), 0, 100)
    for name in ("x0", "x1"):
        column = pa.array(second.patches[name].to_numpy() + shift, pa.int32())
        second.patches = second.patches.set_column(second.patches.column_names.index(name), name, column)
    agreement = compare_runs(first, second)
    assert 0 < agreement.common < 0.1
    assert np.isnan(agreement.adjusted_rand)
    assert agreement.matches == ()
    assert agreement.rank_correlation == pytest.approx(1.0), "the pictures are ordered alike all the same"


def test_rank_correlation_is_spearmans() -> None:
    first = {("a", str(number)): value for number, value in enumerate([3.0, 1.0, 2.0, 2.0, 7.0])}
    second = {("a", str(number)): value for number, value in enumerate([1.0, 1.5, 4.0, 9.0, 2.0])} | {("b", "0"): 5.0}
    expected = spearmanr(list(first.values()), list(second.values())[:5]).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert np.isnan(rank_correlation(dict(list(first.items())[:2]), second))
    assert np.isnan(rank_correlation(first, dict.fromkeys(first, 1.0)))


def test_runs_over_other_pictures_cannot_be_compared() -> None:
    with pytest.raises(
        DataError, match=r"not about the same pictures: 54 are only in the first, 54 only in the second"
    ):
        compare_runs(planted_run(seed=0), planted_run(seed=1))
