"""k-means, the paper's clusterer."""

from __future__ import annotations

from pydantic import Field

from diffmine.builtin.clusterers.counted import CountedClusterer, CountedConfig
from diffmine.numerics.seeding import derive_seed
from diffmine.types import FloatArray, IntArray

BATCH_ROWS = 4096


class KMeans(CountedClusterer):
    """k-means with Euclidean distance, the paper's clusterer.

    Features reach a clusterer with unit L2 norm (every extractor's contract) unless a projection came between, so they
    are taken as they are: on the unit sphere squared Euclidean distance is 2 - 2 cos, and projected coordinates must
    not be normalised. k-means++ starts; labels with more than ``mini_batch_above`` patches are clustered in
    mini-batches (Sculley, *Web-scale k-means clustering*, 2010).
    """

    name = "kmeans"

    class Config(CountedConfig):
        """Options of ``kmeans``."""

        starts: int = Field(4, ge=1, description="random starts, of which the one with the lowest inertia is kept")
        mini_batch_above: int = Field(20_000, ge=1, description="patches of a label above which mini-batches are used")

    config: Config

    def partition(self, features: FloatArray, n_clusters: int, *, seed: int) -> IntArray:
        from sklearn import cluster
        from threadpoolctl import threadpool_limits

        options = {"n_clusters": n_clusters, "random_state": derive_seed("kmeans", seed) % 2**32}
        if len(features) > self.config.mini_batch_above:
            model = cluster.MiniBatchKMeans(batch_size=BATCH_ROWS, n_init=self.config.starts, **options)
        else:
            model = cluster.KMeans(n_init=self.config.starts, **options)
        # One thread: with more, the order of floating-point sums and so the result would depend on their number.
        with threadpool_limits(1):
            labels: IntArray = model.fit_predict(features)
        return labels
