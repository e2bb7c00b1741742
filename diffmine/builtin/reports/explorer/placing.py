"""Where the patches lie in feature space: a map in two dimensions, and the nearest clusters of other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.builtin.projections.none import NoProjection
from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.interfaces import Projection
from diffmine.runs.contents import Contents
from diffmine.types import FloatArray

GRID = 65535
"""Coordinates of the map are whole numbers from 0 to this: two bytes."""
NEIGHBOURS = 4
PRINCIPAL = "principal components"


def principal_plane(features: FloatArray) -> NDArray[np.int64]:
    """The two leading principal components, each turned so that its largest coordinate is positive.

    Args:
        features: float32, (patches, dims).
    Returns:
        (patches, 2), whole numbers from 0 to ``GRID``; the aspect ratio is kept.
    """
    if len(features) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    centred = features - features.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    plane = centred @ vectors[:, ::-1][:, :2]
    plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    plane *= np.where(plane[np.abs(plane).argmax(axis=0), [0, 1]] < 0, -1, 1)
    return to_grid(plane)


def to_grid(plane: NDArray[np.floating]) -> NDArray[np.int64]:
    """Coordinates in the plane to whole numbers from 0 to ``GRID``, centred; the farthest half percent is pulled in."""
    low, high = np.quantile(plane, 0.005, axis=0), np.quantile(plane, 0.995, axis=0)
    span = float((high - low).max()) or 1.0
    middle = (np.clip(plane, low, high) - (low + high) / 2) / span
    grid: NDArray[np.int64] = np.rint((middle + 0.5) * GRID).astype(np.int64)
    return grid


@dataclass(frozen=True, slots=True)
class Map:
    """Where each patch of the page lies, by one projection; coordinates from 0 to ``GRID``.

    Attributes:
        name: the projection's, unlike that of any other map of the page.
        everywhere: (patches, 2), on the map of all labels.
        own: (patches, 2), on the map of the patch's own label.
    """

    name: str
    everywhere: NDArray[np.int64]
    own: NDArray[np.int64]


def draw_maps(ordering: Ordering, features: FloatArray, projections: Sequence[Projection], *, seed: int) -> list[Map]:
    """The map by principal components, then one by each projection; those of one name are counted: umap, umap 2."""
    ours = features[ordering.rows]
    drawn: list[tuple[str, Projection]] = [(PRINCIPAL, NoProjection(NoProjection.Config()))]
    for one in projections:
        earlier = sum(other.name == one.name for _, other in drawn[1:])
        drawn.append((f"{one.name} {earlier + 1}" if earlier else one.name, one))
    return [_map(ordering, name, ours, projection, seed) for name, projection in drawn]


def _map(ordering: Ordering, name: str, features: FloatArray, projection: Projection, seed: int) -> Map:
    def plane(some: FloatArray) -> NDArray[np.int64]:
        return principal_plane(projection.fit_transform(some, seed=seed) if len(some) else some)

    own = [plane(features[start:stop]) for start, stop in ordering.ranges()]
    return Map(name, plane(features), np.concatenate([*own, np.zeros((0, 2), dtype=np.int64)]))


def neighbours(contents: Contents, features: FloatArray) -> dict[tuple[str, int], list[tuple[str, int, float]]]:
    """For each cluster the nearest clusters of other labels: (label, cluster, cosine of the mean features).

    The mean of all clusters is taken off first: what every patch has in common says nothing of likeness.
    """
    clusters = [one for label in contents.labels for one in contents.clusters(label)]
    if not clusters:
        return {}
    means = np.stack([features[one.rows].mean(axis=0) for one in clusters])
    means -= means.mean(axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    labels = np.array([one.label for one in clusters], dtype=object)
    found = {}
    for one, mean in zip(clusters, means, strict=True):
        cosines = np.where(labels == one.label, -np.inf, means @ mean)
        best = [number for number in np.argsort(-cosines, kind="stable")[:NEIGHBOURS] if np.isfinite(cosines[number])]
        found[one.label, one.cluster] = [
            (clusters[number].label, clusters[number].cluster, float(cosines[number])) for number in best
        ]
    return found
