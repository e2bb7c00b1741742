"""Bottom-up merging."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from diffmine.builtin.clusterers.counted import CountedClusterer, CountedConfig
from diffmine.errors import DataError
from diffmine.types import FloatArray, IntArray


class Agglomerative(CountedClusterer):
    """Hierarchical clustering: the two nearest clusters merge until the wanted number is left.

    Distances are Euclidean, which on features of unit norm orders pairs as the cosine does. Memory grows with the
    square of a label's patches, so more than ``max_patches`` are refused.
    """

    name = "agglomerative"

    class Config(CountedConfig):
        """Options of ``agglomerative``."""

        linkage: Literal["ward", "average", "complete", "single"] = Field(
            "ward",
            description="distance of two clusters: growth of the variance (ward), or the mean, largest or smallest "
            "distance of their members",
        )
        max_patches: int = Field(
            20_000, ge=1, description="patches of a label above which the label is refused (20,000 need about 3.2 GB)"
        )

    config: Config

    def partition(self, features: FloatArray, n_clusters: int, *, seed: int) -> IntArray:
        from sklearn.cluster import AgglomerativeClustering

        if len(features) > self.config.max_patches:
            raise DataError(
                f"agglomerative: {len(features)} patches, more than max_patches = {self.config.max_patches} allows; "
                "lower [patches] per_label, use the clusterer kmeans, or raise max_patches if memory allows"
            )
        labels: IntArray = AgglomerativeClustering(n_clusters, linkage=self.config.linkage).fit_predict(features)
        return labels
