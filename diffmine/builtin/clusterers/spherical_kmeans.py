"""k-means by direction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import Field

from diffmine.builtin.clusterers.counted import CountedClusterer, CountedConfig
from diffmine.numerics.seeding import derive_seed
from diffmine.types import FloatArray, IntArray


class Fit(NamedTuple):
    """One start, converged: the sum of cosines to the centroids, and the cluster of each row."""

    similarity: float
    labels: IntArray


class SphericalKMeans(CountedClusterer):
    """k-means on the unit sphere: rows go to the centroid of the largest cosine.

    Dhillon and Modha, *Concept decompositions for large sparse text data using clustering* (2001): centroids are the
    normalised sums of their members. Unlike ``kmeans``, a wide and a narrow cluster pull equally at rows between them.
    """

    name = "spherical-kmeans"

    class Config(CountedConfig):
        """Options of ``spherical-kmeans``."""

        starts: int = Field(4, ge=1, description="random starts, of which the one with the largest cosines is kept")
        max_iterations: int = Field(100, ge=1, description="passes over the rows after which a start ends")

    config: Config

    def partition(self, features: FloatArray, n_clusters: int, *, seed: int) -> IntArray:
        from threadpoolctl import threadpool_limits

        unit = _normalised(features)
        # One thread: with more, the order of floating-point sums and so the result would depend on their number.
        with threadpool_limits(1):
            fits = [self._fit(unit, n_clusters, seed, start) for start in range(self.config.starts)]
        return max(fits, key=lambda fit: fit.similarity).labels

    def _fit(self, unit: FloatArray, n_clusters: int, seed: int, start: int) -> Fit:
        from sklearn.cluster import kmeans_plusplus

        random_state = derive_seed("spherical-kmeans", seed, start) % 2**32
        centroids, _ = kmeans_plusplus(unit, n_clusters, random_state=random_state)
        labels = np.full(len(unit), -1, dtype=np.int32)
        for _ in range(self.config.max_iterations):
            cosines = unit @ centroids.T
            moved = cosines.argmax(axis=1).astype(np.int32)
            if np.array_equal(moved, labels):
                break
            labels = moved
            centroids = _centroids(unit, labels, cosines.max(axis=1), n_clusters)
        return Fit(float(cosines.max(axis=1).sum(dtype=np.float64)), labels)


def _centroids(unit: FloatArray, labels: IntArray, cosines: FloatArray, n_clusters: int) -> FloatArray:
    """Normalised sums of the members; a cluster that lost all of them starts again at the row that fits worst."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((n_clusters, unit.shape[1]), dtype=np.float32)
    sums[present] = np.add.reduceat(unit[order], starts, axis=0)
    empty = np.setdiff1d(np.arange(n_clusters), present)
    sums[empty] = unit[np.argsort(cosines, kind="stable")[: len(empty)]]
    return _normalised(sums)


def _normalised(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
