from __future__ import annotations

import numpy as np
import pytest

from diffmine.builtin.projections.pca import Pca
from diffmine.builtin.projections.umap import Umap
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import Projection
from diffmine.testing.contracts.clusterers import blobs
from diffmine.testing.contracts.projections import ProjectionContract


class TestPca(ProjectionContract):
    @pytest.fixture(params=[{"dimensions": 4}, {"dimensions": 100, "whiten": True}], ids=str)
    def projection(self, request: pytest.FixtureRequest) -> Projection:
        return Pca(Pca.Config(**request.param))


class TestUmap(ProjectionContract):
    @pytest.fixture(params=[{}, {"dimensions": 2, "min_dist": 0.1}], ids=str)
    def projection(self, request: pytest.FixtureRequest) -> Projection:
        return Umap(Umap.Config(**request.param))


def test_pca_equals_the_singular_value_decomposition() -> None:
    features, _ = blobs()
    projected = Pca(Pca.Config(dimensions=3)).fit_transform(features, seed=0)
    centred = features - features.mean(axis=0)
    u, s, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(np.abs(projected), np.abs(u[:, :3] * s[:3]), atol=1e-5)


def test_umap_has_the_dimensions_asked_for() -> None:
    features, _ = blobs()
    assert Umap(Umap.Config(dimensions=3)).fit_transform(features, seed=0).shape == (len(features), 3)


def test_umap_of_too_few_patches_is_pca_and_says_so() -> None:
    features = blobs()[0][:6]
    with pytest.warns(DiffmineWarning, match=r"too few patches \(6\) for 5 dimensions, which take 10"):
        projected = Umap(Umap.Config()).fit_transform(features, seed=0)
    assert np.array_equal(projected, Pca(Pca.Config(dimensions=5)).fit_transform(features, seed=0))
