from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmine.analysis.ranking import collapse_duplicates, rank_clusters
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import OUTLIER


def make_label(seed: int, rows: int = 60, clusters: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    rng = numpy_generator(seed)
    labels = rng.integers(-1, clusters, rows).astype(np.int32)
    features = rng.normal(size=(rows, 4)).astype(np.float32)
    typicality = rng.integers(0, 4, rows).astype(np.float32)
    return labels, features, typicality, [f"image{i}" for i in rng.integers(0, 12, rows)]


@pytest.mark.parametrize("by", ["median", "mean"])
def test_ids_follow_the_typicality_of_the_members(by: str) -> None:
    labels, features, typicality, images = make_label(0)
    ranked = rank_clusters(labels, features, typicality, images, by=by)
    statistics = [getattr(np, by)(typicality[ranked.cluster == row.cluster]) for row in ranked.table]
    assert statistics == sorted(statistics, reverse=True)
    assert [row.rank for row in ranked.table] == list(range(len(np.unique(labels[labels >= 0]))))
    for row in ranked.table:
        rows = np.flatnonzero(ranked.cluster == row.cluster)
        assert row.size == len(rows)
        assert row.images == len({images[i] for i in rows})
        assert row.median_typicality == pytest.approx(np.median(typicality[rows]))
        assert row.mean_typicality == pytest.approx(np.mean(typicality[rows]))
        centroid = features[rows].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(ranked.distance[rows], np.linalg.norm(features[rows] - centroid, axis=1), rtol=1e-5)
    assert (ranked.cluster == OUTLIER).tolist() == (labels == OUTLIER).tolist()
    assert np.isnan(ranked.distance).tolist() == (labels == OUTLIER).tolist()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_the_order_of_rows_nor_the_numbering_of_clusters_matters(seed: int) -> None:
    labels, features, typicality, images = make_label(seed, rows=24)
    rng = numpy_generator("shuffle", seed)
    order, renumber = rng.permutation(len(labels)), rng.permutation(5)
    renamed = np.where(labels >= 0, renumber[labels], OUTLIER).astype(np.int32)
    first = rank_clusters(labels, features, typicality, images)
    second = rank_clusters(renamed[order], features[order], typicality[order], [images[i] for i in order])
    assert second.cluster.tolist() == first.cluster[order].tolist()
    assert second.table == first.table
    np.testing.assert_allclose(second.distance, first.distance[order], rtol=1e-6)


def test_a_cluster_from_one_image_is_told_by_its_count_and_has_no_interval() -> None:
    labels = np.array([0, 0, 1, 1], dtype=np.int32)
    ranked = rank_clusters(
        labels, np.eye(4, dtype=np.float32), np.array([3, 3, 1, 2], np.float32), ["a", "a", "b", "c"]
    )
    alone, pair = ranked.table
    assert (alone.images, alone.median_low, alone.median_high) == (1, None, None)
    assert pair.images == 2
    assert (pair.median_low, pair.median_high) == (1.0, 2.0)


def test_the_mean_can_rank_another_way_than_the_median() -> None:
    labels = np.repeat(np.arange(2, dtype=np.int32), 3)
    typicality = np.array([0, 0, 9, 1, 1, 1], np.float32)
    features, images = np.eye(6, dtype=np.float32), list("abcdef")
    by_median = rank_clusters(labels, features, typicality, images)
    by_mean = rank_clusters(labels, features, typicality, images, by="mean")
    assert by_median.cluster.tolist() == [1, 1, 1, 0, 0, 0]
    assert by_mean.cluster.tolist() == [0, 0, 0, 1, 1, 1]


def test_near_duplicates_are_counted_by_the_member_nearest_to_the_centre() -> None:
    seen = np.array([[1, 0], [1, 0.01], [0, 1], [1, 0], [1, 0]], np.float32)
    projected = np.array([[0], [4], [5], [2], [9]], np.float32)
    labels = np.array([0, 0, 0, 0, -1], np.int32)
    ranked = rank_clusters(labels, projected, np.ones(5, np.float32), list("abcde"), appearance=seen)
    assert ranked.duplicates.tolist() == [-1, -1, 0, 2, -1], "an outlier is no one's duplicate"
    assert (ranked.table[0].size, ranked.table[0].distinct) == (4, 2)


def test_only_outliers_give_no_clusters() -> None:
    ranked = rank_clusters(np.full(3, -1, np.int32), np.eye(3, dtype=np.float32), np.zeros(3, np.float32), ["a"] * 3)
    assert ranked.table == ()
    assert ranked.cluster.tolist() == [-1, -1, -1]


def test_near_duplicates_collapse_to_the_first_in_order() -> None:
    base = numpy_generator("collapse").normal(size=(3, 50)).astype(np.float32)
    vectors = np.vstack([base, base * 2 + 0.001, np.zeros((2, 50), np.float32)])
    representative = collapse_duplicates(vectors, [4, 0, 1, 2, 3, 5, 6, 7])
    assert representative.tolist() == [0, 4, 2, 0, 4, 2, 6, 6]
    assert np.bincount(representative)[0] == 2
