"""What clusterers with a number of clusters share: tiny inputs, and the choice of the number."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field

from diffmine.interfaces import Clusterer, ClustererConfig
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import FloatArray, IntArray

AUTO_COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
SILHOUETTE_ROWS = 2000


class CountedConfig(ClustererConfig):
    """Options that every clusterer with a number of clusters has."""

    n_clusters: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        32,
        description="clusters for each label; fewer where a label has fewer distinct patches; "
        '"auto": the number between 2 and 64 with the best silhouette',
    )


class CountedClusterer(Clusterer):
    """A clusterer that is told how many clusters to make."""

    Config = CountedConfig
    config: CountedConfig

    @abstractmethod
    def partition(self, features: FloatArray, n_clusters: int, *, seed: int) -> IntArray:
        """Cluster rows of which at least ``n_clusters`` are distinct, with 2 <= n_clusters; any integer ids."""

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        wanted = max(AUTO_COUNTS) if self.config.n_clusters == "auto" else self.config.n_clusters
        allowed = count_distinct(features, at_most=wanted)
        if allowed < 2:
            return np.zeros(len(features), dtype=np.int32)
        if self.config.n_clusters == "auto":
            return self._best_partition(features, allowed, seed)
        return compact(self.partition(features, allowed, seed=seed))

    def _best_partition(self, features: FloatArray, allowed: int, seed: int) -> IntArray:
        """The partition of the best silhouette; of equal ones, that with the fewest clusters."""
        best, best_score = np.zeros(len(features), dtype=np.int32), -np.inf
        for count in (count for count in AUTO_COUNTS if count <= min(allowed, len(features) - 1)):
            labels = compact(self.partition(features, count, seed=seed))
            score = silhouette(features, labels, seed=seed)
            if score > best_score:
                best, best_score = labels, score
        return best


def silhouette(features: FloatArray, labels: IntArray, *, seed: int) -> float:
    """Mean Euclidean silhouette (Rousseeuw 1987) over at most ``SILHOUETTE_ROWS`` rows; -1 without two clusters."""
    from sklearn.metrics import silhouette_score

    rows = numpy_generator("silhouette", seed).permutation(len(features))[:SILHOUETTE_ROWS]
    count = len(np.unique(labels[rows]))
    if not 2 <= count < len(rows):
        return -1.0
    return float(silhouette_score(features[rows], labels[rows]))


def count_distinct(features: FloatArray, *, at_most: int) -> int:
    """Number of distinct rows, counted no further than ``at_most``."""
    seen: set[bytes] = set()
    for row in features:
        seen.add((row + np.float32(0)).tobytes())  # -0.0 and 0.0 are one value
        if len(seen) >= at_most:
            break
    return len(seen)


def compact(labels: object) -> IntArray:
    """The ids of the clusters that have members, renumbered from 0; -1 stays."""
    ids = np.asarray(cast(IntArray, labels))
    used, renumbered = np.unique(ids, return_inverse=True)
    return (renumbered - int(used[0] < 0)).astype(np.int32)
