"""The contract says what every clusterer keeps; only what is special to this one needs a test of its own."""

import numpy as np
import pytest
from diffmine_example import Ward

from diffmine.testing.contracts.clusterers import ClustererContract


class TestWard(ClustererContract):
    @pytest.fixture
    def clusterer(self) -> Ward:
        return Ward(Ward.Config())


def test_a_higher_cut_makes_fewer_clusters() -> None:
    features = np.array([[0, 0], [0, 0.1], [0, 2], [0, 2.1], [9, 0]], dtype=np.float32)
    counts = [len(set(Ward(Ward.Config(height=height)).fit_predict(features, seed=0))) for height in (0.05, 1, 5, 50)]
    assert counts == [5, 3, 2, 1]
