from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from diffmine.builtin.clusterers.agglomerative import Agglomerative
from diffmine.builtin.clusterers.gaussian_mixture import GaussianMixture
from diffmine.builtin.clusterers.hdbscan import Hdbscan
from diffmine.builtin.clusterers.spherical_kmeans import SphericalKMeans
from diffmine.errors import DataError, DiffmineWarning
from diffmine.interfaces import Clusterer
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.clusterers import ClustererContract, blobs


class TestSphericalKMeans(ClustererContract):
    @pytest.fixture(params=[{}, {"n_clusters": 8}, {"n_clusters": "auto"}], ids=str)
    def clusterer(self, request: pytest.FixtureRequest) -> Clusterer:
        return SphericalKMeans(SphericalKMeans.Config(**request.param))


class TestAgglomerative(ClustererContract):
    @pytest.fixture(params=["ward", "average", "complete", "single"])
    def clusterer(self, request: pytest.FixtureRequest) -> Clusterer:
        return Agglomerative(Agglomerative.Config(n_clusters="auto", linkage=request.param))


class TestGaussianMixture(ClustererContract):
    @pytest.fixture(
        params=[{"n_clusters": 5}, {"n_clusters": "auto"}, {"n_clusters": 5, "covariance": "full"}], ids=str
    )
    def clusterer(self, request: pytest.FixtureRequest) -> Clusterer:
        return GaussianMixture(GaussianMixture.Config(**request.param))


@pytest.mark.filterwarnings("ignore::diffmine.errors.DiffmineWarning")
class TestHdbscan(ClustererContract):
    @pytest.fixture(params=[{}, {"selection": "leaf", "min_samples": 2}, {"target_outliers": 0.1}], ids=str)
    def clusterer(self, request: pytest.FixtureRequest) -> Clusterer:
        return Hdbscan(Hdbscan.Config(**request.param))


@pytest.mark.parametrize("clusterer_class", [SphericalKMeans, Agglomerative, GaussianMixture])
def test_clean_groups_are_found_exactly(clusterer_class: type[Clusterer]) -> None:
    features, group = blobs(groups=6, dims=16)
    clusterer = clusterer_class(clusterer_class.Config(n_clusters=6))  # type: ignore[call-arg]
    assert adjusted_rand_score(clusterer.fit_predict(features, seed=0), group) == 1.0


def test_spherical_kmeans_sees_directions_only() -> None:
    features, _ = blobs()
    clusterer = SphericalKMeans(SphericalKMeans.Config(n_clusters=5))
    scaled = features * numpy_generator("lengths").uniform(0.1, 10, (len(features), 1)).astype(np.float32)
    assert adjusted_rand_score(clusterer.fit_predict(features, seed=0), clusterer.fit_predict(scaled, seed=0)) == 1.0


def test_spherical_kmeans_ends_where_every_row_is_nearest_to_its_own_centroid() -> None:
    features, _ = blobs(groups=8, dims=10)
    features = features + 0.3 * numpy_generator("noise").normal(size=features.shape).astype(np.float32)
    labels = SphericalKMeans(SphericalKMeans.Config(n_clusters=7)).fit_predict(features, seed=0)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    sums = np.stack([unit[labels == cluster].sum(axis=0) for cluster in range(labels.max() + 1)])
    cosines = unit @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    assert cosines.argmax(axis=1).tolist() == labels.tolist()


def test_gaussian_mixture_separates_by_spread_what_kmeans_cannot() -> None:
    generator = numpy_generator("spread")
    features = np.vstack([generator.normal(size=(300, 4)) * 0.05, generator.normal(size=(300, 4)) * 3]).astype(
        np.float32
    )
    labels = GaussianMixture(GaussianMixture.Config(n_clusters=2)).fit_predict(features, seed=0)
    assert adjusted_rand_score(labels, np.repeat([0, 1], 300)) > 0.95


def test_agglomerative_refuses_what_would_fill_the_memory() -> None:
    features, _ = blobs()
    with pytest.raises(DataError, match="120 patches, more than max_patches = 100"):
        Agglomerative(Agglomerative.Config(max_patches=100)).fit_predict(features, seed=0)


def scattered() -> tuple[np.ndarray, np.ndarray]:
    """Five groups, and one row in five that belongs to none."""
    features, group = blobs(groups=5, each=40, dims=20)
    outlier = numpy_generator("outliers").random(len(features)) < 0.2
    noise = numpy_generator("directions").normal(size=features.shape)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return np.where(outlier[:, None], noise, features).astype(np.float32), np.where(outlier, -1, group)


def test_hdbscan_leaves_scattered_rows_out() -> None:
    features, truth = scattered()
    labels = Hdbscan(Hdbscan.Config(min_cluster_size=10)).fit_predict(features, seed=0)
    assert adjusted_rand_score(labels, truth) > 0.85
    assert (labels[truth < 0] < 0).mean() > 0.7
    assert (labels[truth >= 0] < 0).mean() < 0.02


@pytest.mark.parametrize("wanted", [0.1, 0.2, 0.3, 0.5])
def test_hdbscan_meets_a_wanted_outlier_rate_or_says_that_it_cannot(wanted: float) -> None:
    generator = numpy_generator("overlap")
    centres = generator.normal(size=(6, 5))
    features = (centres[generator.integers(0, 6, 400)] + 0.5 * generator.normal(size=(400, 5))).astype(np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = Hdbscan(Hdbscan.Config(target_outliers=wanted)).fit_predict(features, seed=0)
    reached = (labels < 0).mean()
    assert (abs(reached - wanted) > 0.05) == bool(caught)
    default = Hdbscan(Hdbscan.Config()).fit_predict(features, seed=0)
    assert abs(reached - wanted) <= abs((default < 0).mean() - wanted) + 0.02


def test_hdbscan_names_the_remedy_for_many_dimensions() -> None:
    features, _ = blobs(groups=5, dims=60)
    with pytest.warns(DiffmineWarning, match=r'in 60 dimensions .* \[projection\] use = "umap" or use = "pca"'):
        Hdbscan(Hdbscan.Config()).fit_predict(features, seed=0)


def test_hdbscan_keeps_a_label_of_too_few_patches_as_outliers() -> None:
    with pytest.warns(DiffmineWarning, match=r"fewer patches \(3\) than min_cluster_size = 5"):
        labels = Hdbscan(Hdbscan.Config()).fit_predict(np.eye(3, dtype=np.float32), seed=0)
    assert labels.tolist() == [-1, -1, -1]


def test_hdbscan_gives_the_same_clusters_with_trees_as_with_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = scattered()
    with_matrix = Hdbscan(Hdbscan.Config()).fit_predict(features, seed=0)
    monkeypatch.setattr("diffmine.builtin.clusterers.hdbscan.MATRIX_ROWS", 0)
    assert adjusted_rand_score(Hdbscan(Hdbscan.Config()).fit_predict(features, seed=0), with_matrix) > 0.99
