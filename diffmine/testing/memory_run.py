"""A run that lies in memory, for tests of metrics and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from diffmine.engine.opening import Installed
from diffmine.recipes.reading import parse_recipe
from diffmine.runs.run import FORMAT, Run
from diffmine.runs.tables import CLUSTERED_PATCHES, CLUSTERS, EVIDENCE, images_table, patches_table
from diffmine.runs.typicality_maps import TypicalityMaps
from diffmine.types import BoolArray, ByteArray, FloatArray, ImageRecord, Patch, Role, TypicalityMap


class MemoryMaps(TypicalityMaps):
    """Typicality maps that were never written."""

    def __init__(
        self, maps: Sequence[TypicalityMap], stride: int, labels: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.stride, self._own = stride, labels or {}
        self.draws = maps[0].draws if maps else 0
        self._maps = {(one.image_id, one.label): one for one in maps}

    def labels(self, image_id: str) -> list[str]:
        return sorted(label for image, label in self._maps if image == image_id)

    def roles(self, image_id: str) -> dict[str, Role]:
        own = self._own.get(image_id, ())
        return {label: "own" if label in own else "null" for label in self.labels(image_id)}

    def load(self, image_id: str, label: str) -> TypicalityMap:
        return self._maps[image_id, label]


class MemoryRun(Run):
    """A :class:`~diffmine.runs.run.Run` made of values instead of files.

    Args:
        records: the images.
        maps: their typicality maps.
        stride: image pixels to one cell of a map.
        masks: image id -> label -> where its element is.
        boxes: image id -> label -> where boxes were drawn around it.
        pictures: image id -> pixels.
        patches: selected patches of training images.
        heldout_patches: selected patches of held-out images.
        cluster: one a row of ``patches``; None for controls, -1 for outliers; omitted: nothing was clustered.
        clusters: rows of ``clusters.parquet``.
        evidence: rows of ``evidence.parquet``.
        features, heldout_features: float32, row for row as the patches.
        selection: the name of the selector whose patches are not controls.
        selector: its options.
    """

    def __init__(
        self,
        records: Sequence[ImageRecord],
        maps: Sequence[TypicalityMap] = (),
        *,
        stride: int = 1,
        masks: Mapping[str, Mapping[str, BoolArray]] | None = None,
        boxes: Mapping[str, Mapping[str, BoolArray]] | None = None,
        pictures: Mapping[str, ByteArray] | None = None,
        patches: Sequence[Patch] = (),
        heldout_patches: Sequence[Patch] = (),
        cluster: Sequence[int | None] | None = None,
        clusters: Sequence[Mapping[str, object]] = (),
        evidence: Sequence[Mapping[str, object]] = (),
        features: FloatArray | None = None,
        heldout_features: FloatArray | None = None,
        training_log: pa.Table | None = None,
        selection: str = "top",
        selector: Mapping[str, object] | None = None,
    ) -> None:
        self.path, self._services = Path("memory"), Installed()
        self.info = {"format": FORMAT, "name": "memory", "stages": {}}
        tables = {
            "dataset": {"use": "memory"},
            "patches": {"use": selection, **(selector or {})},
            "projection": {"use": "none"},
            "clusterer": {"use": "kmeans", "n_clusters": 2},
        }
        self.recipe = parse_recipe({"name": "memory", **tables})
        self.images = images_table(records)
        self.maps = MemoryMaps(maps, stride, {record.image_id: record.labels for record in records})
        self.patches = _with_clusters(patches_table(patches), cluster)
        self.heldout_patches = patches_table(heldout_patches)
        self.clusters = pa.Table.from_pylist([dict(row) for row in clusters], schema=CLUSTERS)
        self.evidence = pa.Table.from_pylist([dict(row) for row in evidence], schema=EVIDENCE)
        self.features = np.zeros((len(patches), 1), np.float32) if features is None else features
        self.heldout_features = (
            np.zeros((len(heldout_patches), 1), np.float32) if heldout_features is None else heldout_features
        )
        self.training_log = training_log
        self._masks, self._boxes, self._pictures = masks or {}, boxes or {}, pictures or {}

    def masks(self, image_id: str) -> dict[str, BoolArray]:
        return dict(self._masks.get(image_id, {}))

    def boxes(self, image_id: str) -> dict[str, BoolArray]:
        return dict(self._boxes.get(image_id, {}))

    def picture(self, image_id: str) -> ByteArray:
        return self._pictures[image_id]


def _with_clusters(table: pa.Table, cluster: Sequence[int | None] | None) -> pa.Table:
    ids = pa.nulls(len(table), pa.int32()) if cluster is None else pa.array(list(cluster), pa.int32())
    columns = {"cluster": ids, "cluster_distance": pa.nulls(len(table), pa.float32())}
    for name, column in columns.items():
        table = table.append_column(CLUSTERED_PATCHES.field(name), column)
    return table
