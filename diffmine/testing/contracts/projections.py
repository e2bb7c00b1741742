"""What every projection keeps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from diffmine.errors import DataError, DiffmineWarning
from diffmine.interfaces import Projection
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.clusterers import blobs


class ProjectionContract:
    """Subclass this and return your projection from a fixture ``projection``."""

    def test_rows_stay_rows(self, projection: Projection) -> None:
        features, _ = blobs()
        projected = projection.fit_transform(features, seed=0)
        assert projected.ndim == 2
        assert len(projected) == len(features)
        assert projected.dtype == np.float32
        assert np.isfinite(projected).all()

    def test_neighbours_stay_neighbours(self, projection: Projection) -> None:
        features, group = blobs()
        projected = projection.fit_transform(features, seed=0)
        distances = np.linalg.norm(projected[:, None] - projected[None], axis=-1)
        np.fill_diagonal(distances, np.inf)
        assert (group[distances.argmin(axis=1)] == group).mean() > 0.95

    def test_the_seed_decides_the_result(self, projection: Projection) -> None:
        features, _ = blobs()
        np.random.seed(1)  # the global generator must not matter
        first = projection.fit_transform(features.copy(), seed=3)
        np.random.seed(2)
        assert np.array_equal(projection.fit_transform(features, seed=3), first)

    def test_the_features_are_left_as_they_are(self, projection: Projection) -> None:
        features, _ = blobs()
        before = features.copy()
        projection.fit_transform(features, seed=0)
        assert np.array_equal(features, before)

    @pytest.mark.parametrize("rows", [1, 2, 3, 7])
    @pytest.mark.parametrize("identical", [False, True])
    def test_few_rows_give_a_clear_result_or_a_clear_error(
        self, projection: Projection, rows: int, identical: bool
    ) -> None:
        features = blobs()[0][:rows]
        if identical:
            features = np.repeat(features[:1], rows, axis=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DiffmineWarning)
            try:
                projected = projection.fit_transform(features, seed=0)
            except DataError:
                return
        assert len(projected) == rows
        assert np.isfinite(projected).all()

    def test_noise_is_projected_too(self, projection: Projection) -> None:
        features = numpy_generator("noise").normal(size=(40, 8)).astype(np.float32)
        assert np.isfinite(projection.fit_transform(features, seed=0)).all()
