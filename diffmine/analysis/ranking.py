"""Clusters in order: the most typical first, members by their distance to the centroid.

As the method has it (docs/method.md): clusters ranked by the median typicality of their members, or its mean; members
by their distance to the centroid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.bootstrap import mean_interval, median_interval
from diffmine.types import OUTLIER, FloatArray, IntArray

NEAR_DUPLICATE = 0.99


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster of a label.

    Attributes:
        cluster: canonical id, equal to ``rank``: ids do not depend on the order of rows or on a clusterer's numbering.
        rank: from 0, the most typical cluster first.
        size: number of members.
        distinct: number of members that no other one stands for, see ``Ranked.duplicates``.
        images: number of distinct images among the members; a cluster with 1 shows one picture, not a pattern.
        median_typicality, mean_typicality: over the members.
        median_low, median_high: bounds of the 95 % bootstrap interval of the median over images; None with one image.
        mean_low, mean_high: the same for the mean.
    """

    cluster: int
    rank: int
    size: int
    distinct: int
    images: int
    median_typicality: float
    mean_typicality: float
    median_low: float | None
    median_high: float | None
    mean_low: float | None
    mean_high: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """The clusters of one label.

    Attributes:
        cluster: int32, (patches,), canonical ids; -1 marks an outlier.
        distance: float32, (patches,): Euclidean distance to the mean of the cluster's members; NaN for outliers.
        duplicates: int32, (patches,): near-duplicates in its cluster that a member stands for; -1 where another member
            stands for it, and for outliers.
        table: one row a cluster, by rank.
    """

    cluster: IntArray
    distance: FloatArray
    duplicates: IntArray
    table: tuple[ClusterRow, ...]


def rank_clusters(
    labels: IntArray,
    features: FloatArray,
    typicality: FloatArray,
    image_ids: Sequence[str],
    *,
    appearance: FloatArray | None = None,
    by: Literal["median", "mean"] = "median",
) -> Ranked:
    """Number clusters by the typicality of their members, and measure how central each member is.

    Clusters of equal typicality are ordered by size, then by their members' typicalities, images and features, so
    that the result does not depend on the order of rows.

    Args:
        labels: int32, (patches,): a clusterer's ids; -1 marks an outlier.
        features: float32, (patches, dims): what was clustered.
        typicality: float32, (patches,).
        image_ids: the image of each patch.
        appearance: float32, (patches, any): what near-duplicates are told by; omitted: ``features``.
        by: the typicality of a cluster: of its median member (the paper) or on average.
    """
    images = np.asarray(image_ids, dtype=str)
    members = [np.flatnonzero(labels == old) for old in np.unique(labels[labels != OUTLIER])]
    statistic: Callable[..., Any] = np.median if by == "median" else np.mean
    members.sort(key=lambda rows: _sort_key(statistic, typicality[rows], images[rows], features[rows]))
    cluster = np.full(len(labels), OUTLIER, dtype=np.int32)
    distance = np.full(len(labels), np.nan, dtype=np.float32)
    duplicates = np.full(len(labels), -1, dtype=np.int32)
    seen, table = features if appearance is None else appearance, []
    for rank, rows in enumerate(members):
        cluster[rows] = rank
        distance[rows] = centroid_distances(features[rows])
        order = np.lexsort((images[rows], distance[rows]))
        stands_for = np.bincount(collapse_duplicates(seen[rows], order), minlength=len(rows))
        duplicates[rows] = stands_for - 1
        table.append(_cluster_row(rank, typicality[rows], images[rows], int((stands_for > 0).sum())))
    return Ranked(cluster, distance, duplicates, tuple(table))


def centroid_distances(features: FloatArray) -> FloatArray:
    """Euclidean distance of each row to the mean of all, float32, (rows,)."""
    offsets = features - features.mean(axis=0, dtype=np.float64)
    distances: FloatArray = np.sqrt(np.einsum("ij,ij->i", offsets, offsets)).astype(np.float32)
    return distances


def collapse_duplicates(
    vectors: FloatArray, order: Sequence[int] | NDArray[np.integer], similarity: float = NEAR_DUPLICATE
) -> IntArray:
    """Near-duplicates collapse to the first of them.

    Args:
        vectors: float32, (rows, dims), what to compare: features, or small grey crops with their mean taken off.
        order: row numbers, the preferred representatives first.
        similarity: rows whose cosine is at least this are near-duplicates; of zero vectors, only with each other.
    Returns:
        int32, (rows,): the row that stands for each row; a representative stands for itself, and
        ``np.bincount`` of the result counts what it stands for.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.hstack([vectors / np.maximum(norms, np.finfo(np.float32).tiny), norms == 0]).astype(np.float32)
    representative = np.full(len(vectors), -1, dtype=np.int32)
    for row in order:
        if representative[row] < 0:
            alike = (unit @ unit[row] >= similarity) & (representative < 0)
            alike[row] = True
            representative[alike] = row
    return representative


def _sort_key(
    statistic: Callable[..., Any], typicality: FloatArray, images: NDArray[np.str_], features: FloatArray
) -> tuple[float, int, list[float], list[str], list[float]]:
    falling = sorted((-typicality).tolist())
    return float(statistic(falling)), -len(falling), falling, sorted(images.tolist()), features.min(axis=0).tolist()


def _cluster_row(rank: int, typicality: FloatArray, images: NDArray[np.str_], distinct: int) -> ClusterRow:
    order = np.lexsort((images, typicality))
    values, names = typicality[order].astype(np.float64), images[order].tolist()
    median, mean = median_interval(values, names, "cluster"), mean_interval(values, names, "cluster")
    return ClusterRow(
        cluster=rank,
        rank=rank,
        size=len(values),
        distinct=distinct,
        images=len(set(names)),
        median_typicality=float(np.median(values)),
        mean_typicality=float(np.mean(values)),
        median_low=median.low if median else None,
        median_high=median.high if median else None,
        mean_low=mean.low if mean else None,
        mean_high=mean.high if mean else None,
    )
