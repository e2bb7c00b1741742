"""Patches of a run with all that is known of them, for people and other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from diffmine.interfaces import Column
from diffmine.runs.contents import OUTLIERS, Cluster, Contents, Rows
from diffmine.types import OUTLIER

TOLD = ("path", "verdict", "flags", "words", "name", "starred", "hidden", "note", "merged_into")
"""Columns of :func:`patch_table` that ``patches.parquet`` has not."""


def patch_table(contents: Contents, rows: Rows) -> pa.Table:
    """The rows of ``patches.parquet`` with what belongs to them.

    Beside the columns of the file: ``path`` of the picture; ``verdict`` on the cluster, null for patches in none;
    ``flags`` and ``words`` of the cluster, null where it has none; where people have made notes, ``name``, ``starred``,
    ``hidden`` and ``note`` of the cluster, and ``merged_into``, the cluster that it was merged into, whose all this
    then is; then the columns that plugins add.
    """
    run = contents.run
    table = run.patches.take(pa.array(rows, pa.int64()))
    paths = [run.records[image_id].path for image_id in table["image_id"].to_pylist()]
    clusters = {
        (label, part): one
        for label in contents.labels
        for one in contents.clusters(label)
        for part in (one.cluster, *one.parts)
    }
    own = [clusters.get(key) for key in zip(table["label"].to_pylist(), table["cluster"].to_pylist(), strict=True)]
    table = table.add_column(1, "path", pa.array(paths, pa.string()))
    table = table.append_column("verdict", _texts([one.verdict.words if one else () for one in own]))
    table = table.append_column("flags", _texts([one.marks if one else [] for one in own]))
    table = table.append_column("words", _texts([one.suggestions if one else [] for one in own]))
    for name, values in _noted(contents, own, table["cluster"].to_pylist()).items():
        table = table.append_column(name, values)
    for name, values in added_columns(contents, rows).items():
        table = table.append_column(name, values)
    return table


def _noted(contents: Contents, own: Sequence[Cluster | None], computed: Sequence[int | None]) -> dict[str, pa.Array]:
    """What people say of the cluster of each row; nothing in a run without notes.

    Args:
        own: the cluster as it is shown.
        computed: its number in ``patches.parquet``.
    """
    if not contents.run.notes:
        return {}
    notes = [one.note if one else None for one in own]
    into = [one.cluster if one and one.cluster != part else None for one, part in zip(own, computed, strict=True)]
    return {
        "name": pa.array([one.name or None if one else None for one in notes], pa.string()),
        "starred": pa.array([one is not None and one.starred for one in notes], pa.bool_()),
        "hidden": pa.array([one is not None and one.hidden for one in notes], pa.bool_()),
        "note": pa.array([one.note or None if one else None for one in notes], pa.string()),
        "merged_into": pa.array(into, pa.int32()),
    }


def group_name(patch: Mapping[str, Any]) -> str:
    """What other tools call the group of a patch: ``LABEL/CLUSTER``, ``LABEL/outliers``, ``LABEL/SELECTION``; of a
    cluster that a person has named ``LABEL/CLUSTER NAME``.

    Args:
        patch: a row of :func:`patch_table`.
    """
    if patch["cluster"] is None:
        return f"{patch['label']}/{patch['selection']}"
    if patch["cluster"] == OUTLIER:
        return f"{patch['label']}/{OUTLIERS}"
    cluster = patch["cluster"] if patch.get("merged_into") is None else patch["merged_into"]
    return f"{patch['label']}/{cluster} {patch.get('name') or ''}".rstrip()


def added_columns(contents: Contents, rows: Rows) -> dict[str, pa.Array]:
    """The columns that plugins add, by name, a value a row; one that fails is left out with a warning."""
    taken = {*contents.run.patches.column_names, *TOLD}

    def computed(column: Column) -> pa.Array:
        if column.name in taken:
            raise ValueError(f"there is a column {column.name!r} already; it needs another name")
        values = column.values(contents, np.asarray(rows, dtype=np.int64))
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else pa.array(values)
        if len(values) != len(rows):
            raise ValueError(f"it gave {len(values)} values for {len(rows)} patches")
        return values

    found = {column.name: contents.run.attempt(column, computed) for column in contents.run.columns()}
    return {name: values for name, values in found.items() if values is not None}


def _texts(lists: Sequence[Sequence[str]]) -> pa.Array:
    return pa.array(["; ".join(texts) or None for texts in lists], pa.string())
