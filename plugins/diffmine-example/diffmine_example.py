"""A diffmine plugin: one clusterer, ``ward``, agglomerative clustering from scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from diffmine import hookimpl
from diffmine.interfaces import Clusterer, ClustererConfig

if TYPE_CHECKING:
    from diffmine.types import FloatArray, IntArray


class Ward(Clusterer):
    """Agglomerative clustering by Ward's criterion, cut at a height instead of at a number of clusters."""

    name = "ward"

    class Config(ClustererConfig):
        """Options of ``ward``; a recipe gives them in its ``[clusterer]`` table."""

        height: float = Field(1.0, gt=0, description="clusters merge while that costs less, in units of the features")

    config: Config

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        from sklearn.cluster import AgglomerativeClustering  # takes a second to import, so only where it is used

        if len(features) < 2:
            return np.zeros(len(features), dtype=np.int32)
        model = AgglomerativeClustering(n_clusters=None, distance_threshold=self.config.height, linkage="ward")
        labels: IntArray = model.fit_predict(features).astype(np.int32)
        return labels


@hookimpl
def diffmine_register_clusterers() -> list[type[Clusterer]]:
    """The clusterers that this plugin adds."""
    return [Ward]
