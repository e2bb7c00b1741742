"""Clusters as dense regions; what lies between them is an outlier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from diffmine.builtin.clusterers.counted import compact, count_distinct
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import Clusterer, ClustererConfig
from diffmine.types import FloatArray, IntArray

MANY_DIMENSIONS = 50
MATRIX_ROWS = 6000
SEARCHED_SAMPLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SEARCHED_SIZES = (1, 2, 4)
NEAR_ENOUGH = 0.02
FAR_OFF = 0.05


class Setting(NamedTuple):
    """A setting that was tried, and what came of it."""

    labels: IntArray
    min_cluster_size: int
    min_samples: int

    @property
    def outliers(self) -> float:
        return float((self.labels < 0).mean())

    @property
    def clusters(self) -> int:
        return int(self.labels.max()) + 1


class Hdbscan(Clusterer):
    """HDBSCAN: as many clusters as there are dense regions; patches between them are outliers (-1).

    Campello, Moulavi and Sander, *Density-based clustering based on hierarchical density estimates* (PAKDD 2013), by
    the package hdbscan, with Euclidean distance. In many dimensions all distances are alike and most patches become
    outliers: project first (``[projection] use = "umap"`` or ``"pca"``).
    """

    name = "hdbscan"

    class Config(ClustererConfig):
        """Options of ``hdbscan``."""

        min_cluster_size: int = Field(5, ge=2, description="patches that make a cluster")
        min_samples: int | None = Field(
            None, ge=1, description="patches around a patch that make it dense; omitted: min_cluster_size"
        )
        selection: Literal["eom", "leaf"] = Field(
            "eom", description="clusters to take from the hierarchy: the most persistent (eom) or the finest (leaf)"
        )
        target_outliers: float | None = Field(
            None,
            ge=0,
            lt=1,
            description="wanted share of outliers; searches min_samples from 1 to 64, and min_cluster_size up to four "
            "times its value, for the setting that comes nearest (min_samples is then ignored)",
        )

    config: Config

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        rows, size = len(features), self.config.min_cluster_size
        if rows < size:
            _remark(f"fewer patches ({rows}) than min_cluster_size = {size}, so all are outliers; lower it")
            return np.full(rows, -1, dtype=np.int32)
        if count_distinct(features, at_most=2) == 1:
            return np.zeros(rows, dtype=np.int32)
        if features.shape[1] > MANY_DIMENSIONS:
            _remark(
                f"in {features.shape[1]} dimensions densities say little; project first, with [projection] "
                'use = "umap" or use = "pca"'
            )
        fit = _fitter(features, self.config.selection)
        if self.config.target_outliers is not None:
            return self._search(fit, rows, self.config.target_outliers).labels
        return fit(size, min(self.config.min_samples or size, rows - 1)).labels

    def _search(self, fit: Callable[[int, int], Setting], rows: int, wanted: float) -> Setting:
        """The setting of the nearest outlier rate; of those near enough, the one with the most clusters."""
        tried = [fit(size, samples) for size, samples in self._grid(rows)]
        nearest = min(abs(one.outliers - wanted) for one in tried)
        close = [one for one in tried if abs(one.outliers - wanted) <= max(nearest, NEAR_ENOUGH)]
        best = max(close, key=lambda one: one.clusters)
        if nearest > FAR_OFF:
            _remark(
                f"no setting tried gives target_outliers = {wanted:.2f}; the nearest is {best.outliers:.2f}, with "
                f"min_cluster_size = {best.min_cluster_size} and min_samples = {best.min_samples}"
            )
        return best

    def _grid(self, rows: int) -> Iterator[tuple[int, int]]:
        for factor in SEARCHED_SIZES:
            size = factor * self.config.min_cluster_size
            if size <= max(rows // 2, self.config.min_cluster_size):
                yield from ((size, samples) for samples in SEARCHED_SAMPLES if samples < rows)


def _fitter(features: FloatArray, selection: str) -> Callable[[int, int], Setting]:
    """A function from (min_cluster_size, min_samples) to what comes of it.

    The distance matrix, where it fits, is computed once: in many dimensions it is ten times faster than trees.
    """
    from hdbscan import HDBSCAN
    from sklearn.metrics import pairwise_distances

    matrix = len(features) <= MATRIX_ROWS
    points = features.astype(np.float64)
    data = pairwise_distances(points) if matrix else points
    metric = "precomputed" if matrix else "euclidean"

    def fit(size: int, samples: int) -> Setting:
        model = HDBSCAN(
            min_cluster_size=size,
            min_samples=samples,
            metric=metric,
            cluster_selection_method=selection,
            core_dist_n_jobs=1,
        )
        # Identical rows lie at distance 0, where the package divides by it; the infinite density is what is meant.
        with np.errstate(divide="ignore", invalid="ignore"):
            return Setting(compact(model.fit_predict(data)), size, samples)

    return fit


def _remark(sentence: str) -> None:
    warnings.warn(f"hdbscan: {sentence}", DiffmineWarning, stacklevel=3)
