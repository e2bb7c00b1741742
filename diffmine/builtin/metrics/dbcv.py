"""Are clusters dense, and sparse between?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from diffmine.interfaces import ComponentConfig, Metric
from diffmine.runs.contents import LabelClusters, label_clusters
from diffmine.types import OUTLIER, FloatArray, IntArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class Dbcv(Metric):
    """Density-based cluster validity, which unlike the silhouette does not want clusters to be round.

    Moulavi et al., *Density-based clustering validation* (SDM 2014), by the package hdbscan. Its densities are powers
    of the number of dimensions, so it is computed on the leading principal components of each label's features.
    Outliers, and clusters of one member, lower the figure by their share. The figure is the mean over labels with at
    least two clusters. In [-1, 1]; no chance level.
    """

    name = "dbcv"

    class Config(ComponentConfig):
        """Options of ``dbcv``."""

        dimensions: int = Field(10, ge=1, le=50, description="principal components to compute densities in")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        from hdbscan.validity import validity_index

        per_label: dict[str, float] = {}
        images: set[str] = set()
        for clusters in label_clusters(run):
            ids = _without_single(clusters)
            if len(set(ids.tolist()) - {OUTLIER}) >= 2:
                points = self._project(run.features[clusters.rows])
                with np.errstate(divide="ignore", invalid="ignore"):
                    value = float(validity_index(points, ids))
                if np.isfinite(value):
                    per_label[clusters.label] = value
                    images.update(clusters.image_ids)
        if not per_label:
            return {}
        return {
            self.name: MetricValue(float(np.mean(list(per_label.values()))), count=len(images), per_label=per_label)
        }

    def _project(self, features: FloatArray) -> FloatArray:
        from sklearn.decomposition import PCA

        kept = min(self.config.dimensions, *features.shape)
        points: FloatArray = PCA(kept, svd_solver="full").fit_transform(features.astype(np.float64))
        return points


def _without_single(clusters: LabelClusters) -> IntArray:
    """The ids, with clusters of one member turned into outliers: one point has no density."""
    ids, sizes = np.unique(clusters.cluster, return_counts=True)
    return np.where(np.isin(clusters.cluster, ids[sizes < 2]), OUTLIER, clusters.cluster).astype(np.int32)
