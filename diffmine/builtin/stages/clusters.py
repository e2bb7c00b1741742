"""Stage ``clusters``: which patches of a label show the same element, ranked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open

from diffmine.analysis.ranking import Ranked, rank_clusters
from diffmine.builtin.stages.evidence import least_shares
from diffmine.errors import DataError, said
from diffmine.interfaces import Stage, Work
from diffmine.interfaces.boundary import culprit_of
from diffmine.runs.contents import selected_rows
from diffmine.runs.tables import CLUSTERS, clustered_table, patches_of
from diffmine.types import OUTLIER, FloatArray, Patch

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Clusters(Stage):
    """Which patches of a label show the same element, ranked."""

    name = "clusters"
    version = 3
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("projection", "clusterer", "patches")

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("patches", "features")

    def run(self, work: Work) -> None:
        """Write ``patches.parquet``, the selected patches with their clusters, and ``clusters.parquet``."""
        selected = pq.read_table(work.published("patches", "selected_patches.parquet"))
        patches = patches_of(selected)
        with safe_open(work.artifact("features") / "features.safetensors", "np") as tensors:
            features: FloatArray = tensors.get_tensor("patches")
        cluster = np.full(len(patches), OUTLIER, dtype=np.int32)
        distance = np.full(len(patches), np.nan, dtype=np.float32)
        duplicates = np.full(len(patches), -1, dtype=np.int32)
        rows: list[dict[str, Any]] = []
        by_label = selected_rows(selected, work.components.patches.name)
        against = {row["label"]: row for row in _evidence(work) if row["table"] == "selected"}
        failures: list[Exception] = []
        work.progress.start(len(by_label), "labels")
        for label, members in by_label.items():
            try:
                chosen = [patches[row] for row in members]
                ranked = cluster_label(work, chosen, features[members])
            except Exception as error:  # a plugin's or a library's too: one label's failure does not lose the others
                failures.append(error)
                work.progress.warn(f"label {label!r} has no clusters: {_why(error)}")
            else:
                cluster[members], distance[members] = ranked.cluster, ranked.distance
                duplicates[members] = ranked.duplicates
                shares = least_shares(ranked.cluster, chosen, against.get(label), len(ranked.table))
                for row, share in zip(ranked.table, shares, strict=True):
                    rows.append({"label": label, **asdict(row), "at_least": share})
            work.progress.advance()
        if len(failures) == len(by_label):
            if unforeseen := [error for error in failures if not isinstance(error, DataError)]:
                raise unforeseen[0]
            raise DataError("no label's patches could be clustered; the warnings above say why for each")
        mined = np.zeros(len(patches), dtype=bool)
        mined[[row for members in by_label.values() for row in members.tolist()]] = True
        table = clustered_table(patches, mined, cluster, distance, duplicates)
        pq.write_table(table, work.public("patches.parquet"))
        pq.write_table(pa.Table.from_pylist(rows, schema=CLUSTERS), work.public("clusters.parquet"))


def _evidence(work: Work) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(work.published("patches", "evidence.parquet")).to_pylist()
    return rows


def _why(error: Exception) -> str:
    """What an error says; and, if it was not raised for people, which component it came out of."""
    culprit = culprit_of(error)
    return said(error) if isinstance(error, DataError) or culprit is None else f"{culprit} failed: {said(error)}"


def cluster_label(work: Work, patches: list[Patch], features: FloatArray) -> Ranked:
    """Project, cluster and rank one label's patches."""
    projected = work.components.projection.fit_transform(features, seed=work.seed)
    labels = work.components.clusterer.fit_predict(projected, seed=work.seed)
    typicality = np.array([patch.typicality for patch in patches], dtype=np.float32)
    image_ids = [patch.image_id for patch in patches]
    by = work.components.clusterer.config.rank_by
    return rank_clusters(labels, projected, typicality, image_ids, appearance=features, by=by)
