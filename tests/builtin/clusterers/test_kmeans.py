from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans as Oracle
from sklearn.metrics import adjusted_rand_score

from diffmine.builtin.clusterers.kmeans import KMeans
from diffmine.interfaces import Clusterer
from diffmine.testing.contracts.clusterers import ClustererContract, blobs


def make(**options: object) -> KMeans:
    return KMeans(KMeans.Config(**options))


class TestKMeans(ClustererContract):
    @pytest.fixture(params=[{}, {"n_clusters": 8}, {"n_clusters": "auto"}, {"mini_batch_above": 50}], ids=str)
    def clusterer(self, request: pytest.FixtureRequest) -> Clusterer:
        return make(**request.param)


def test_as_good_as_many_starts_of_the_plain_algorithm() -> None:
    features, _ = blobs(groups=8, each=20)
    labels = make(n_clusters=8).fit_predict(features, seed=0)
    oracle = Oracle(8, n_init=20, random_state=1).fit_predict(features)
    assert adjusted_rand_score(labels, oracle) == 1.0


@pytest.mark.parametrize("groups", [2, 5, 8])
def test_auto_finds_the_number_of_groups(groups: int) -> None:
    features, group = blobs(groups=groups)
    labels = make(n_clusters="auto").fit_predict(features, seed=0)
    assert adjusted_rand_score(labels, group) == 1.0


def test_fewer_patches_than_clusters_give_a_cluster_for_each_distinct_one() -> None:
    features = np.vstack([np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)])
    labels = make(n_clusters=32).fit_predict(features, seed=0)
    assert labels[:4].tolist() == labels[4:].tolist()
    assert sorted(labels[:4].tolist()) == [0, 1, 2, 3]
