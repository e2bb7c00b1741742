"""What every clusterer keeps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from diffmine.errors import DataError, DiffmineWarning
from diffmine.interfaces import Clusterer, ClustererConfig
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import FloatArray, IntArray


def blobs(groups: int = 5, each: int = 24, dims: int = 8) -> tuple[FloatArray, IntArray]:
    """Well separated groups on the unit sphere, shuffled.

    Returns:
        features float32, (groups * each, dims), rows of unit L2 norm; and the group of each row.
    """
    generator = numpy_generator("blobs", groups, each, dims)
    centres = np.linalg.qr(generator.normal(size=(dims, dims)))[0][:groups]
    group = generator.permutation(np.repeat(np.arange(groups, dtype=np.int32), each))
    vectors = centres[group] + 0.03 * generator.normal(size=(len(group), dims))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), group


class ClustererContract:
    """Subclass this and return your clusterer from a fixture ``clusterer``, configured for groups of about 24."""

    def test_it_has_the_options_of_every_clusterer(self, clusterer: Clusterer) -> None:
        found = type(clusterer.config).__name__
        assert isinstance(clusterer.config, ClustererConfig), f"{found} must derive from ClustererConfig"

    def test_ids_are_compact_int32(self, clusterer: Clusterer) -> None:
        features, _ = blobs()
        labels = clusterer.fit_predict(features, seed=0)
        self._one_a_row(labels, features)
        ids = sorted(set(labels.tolist()) - {-1})
        assert ids == list(range(len(ids))), f"ids must be 0, 1, 2 ... (-1: outliers); got {ids}"

    def test_separate_groups_are_never_mixed(self, clusterer: Clusterer) -> None:
        features, group = blobs()
        labels = clusterer.fit_predict(features, seed=0)
        members = (labels >= 0).mean()
        assert members > 0.5, f"only {members:.0%} of the rows of clean groups are members of a cluster"
        for cluster in range(labels.max() + 1):
            assert len(set(group[labels == cluster].tolist())) == 1, f"cluster {cluster} mixes groups"

    def test_the_seed_decides_the_result(self, clusterer: Clusterer) -> None:
        features, _ = blobs()
        features += 0.1 * numpy_generator("noise").normal(size=features.shape).astype(np.float32)
        np.random.seed(1)  # the global generator must not matter
        first = clusterer.fit_predict(features.copy(), seed=3)
        np.random.seed(2)
        differing = (clusterer.fit_predict(features, seed=3) != first).sum()
        assert differing == 0, f"with the same seed, {differing} of {len(first)} rows have another id"

    def test_the_features_are_left_as_they_are(self, clusterer: Clusterer) -> None:
        features, _ = blobs()
        before = features.copy()
        clusterer.fit_predict(features, seed=0)
        assert np.array_equal(features, before), "fit_predict has changed the features that it was given"

    @pytest.mark.parametrize("rows", [1, 2, 3, 7])
    def test_few_rows_give_a_clear_result_or_a_clear_error(self, clusterer: Clusterer, rows: int) -> None:
        self._clear(clusterer, blobs()[0][:rows])

    @pytest.mark.parametrize("rows", [2, 40])
    def test_identical_rows_are_not_told_apart(self, clusterer: Clusterer, rows: int) -> None:
        labels = self._clear(clusterer, np.repeat(blobs()[0][:1], rows, axis=0))
        assert len(set(labels.tolist())) <= 1, f"equal rows have the ids {sorted(set(labels.tolist()))}"

    def _clear(self, clusterer: Clusterer, features: FloatArray) -> IntArray:
        """The labels, after a look at them; none where the clusterer says in a ``DataError`` that it cannot."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DiffmineWarning)
            try:
                labels = clusterer.fit_predict(features, seed=0)
            except DataError:
                return np.empty(0, dtype=np.int32)
        self._one_a_row(labels, features)
        assert labels.min() >= -1, f"an id is {labels.min()}; -1 marks outliers, and no id is less"
        return labels

    def _one_a_row(self, labels: IntArray, features: FloatArray) -> None:
        assert labels.shape == (len(features),), f"ids have shape {labels.shape} for {len(features)} rows"
        assert labels.dtype == np.int32, f"ids are {labels.dtype}, not int32"
