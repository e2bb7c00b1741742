"""The Arrow tables of the public run format, and how records and patches become rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from diffmine.types import BoolArray, Box, FloatArray, ImageRecord, IntArray, Patch

IMAGES = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("digest", pa.string()),
        ("split", pa.string()),
        ("columns", pa.map_(pa.string(), pa.string())),
        ("fold", pa.int32()),
        ("mined", pa.bool_()),
        ("origin", pa.string()),
    ]
)
_RECORD = [name for name in IMAGES.names if name != "label"]
"""The fields of an :class:`ImageRecord`, in order."""
KIN = pa.schema([("related", pa.list_(pa.string())), ("siblings", pa.list_(pa.string()))])
"""Its last fields, which follow from the recipe and are in no file."""
PATCHES = pa.schema(
    [
        ("image_id", pa.string()),
        ("label", pa.string()),
        ("y0", pa.int32()),
        ("x0", pa.int32()),
        ("y1", pa.int32()),
        ("x1", pa.int32()),
        ("typicality", pa.float32()),
        ("typicality_stderr", pa.float32()),
        ("selection", pa.string()),
        ("rank", pa.int32()),
        ("p_value", pa.float32()),
        ("q_value", pa.float32()),
    ]
)
CLUSTERED_PATCHES = pa.schema(
    [*PATCHES, ("cluster", pa.int32()), ("cluster_distance", pa.float32()), ("duplicates", pa.int32())]
)
EVIDENCE = pa.schema(
    [
        ("table", pa.string()),
        ("label", pa.string()),
        ("images", pa.int32()),
        ("tests", pa.int32()),
        ("nulls", pa.int32()),
        ("smallest_q", pa.float32()),
        ("null_best", pa.list_(pa.float32())),
    ]
)
CLUSTERS = pa.schema(
    [
        ("label", pa.string()),
        ("cluster", pa.int32()),
        ("rank", pa.int32()),
        ("size", pa.int32()),
        ("distinct", pa.int32()),
        ("images", pa.int32()),
        ("median_typicality", pa.float32()),
        ("median_low", pa.float32()),
        ("median_high", pa.float32()),
        ("mean_typicality", pa.float32()),
        ("mean_low", pa.float32()),
        ("mean_high", pa.float32()),
        ("at_least", pa.float32()),
    ]
)

ELEMENTS = pa.schema(
    [
        ("element", pa.int32()),
        *[field for field in CLUSTERS if field.name not in ("label", "cluster", "rank", "at_least")],
        ("trend_z", pa.float64()),
        ("trend_p", pa.float64()),
        ("change_p", pa.float64()),
        ("linear", pa.float64()),
        ("q_value", pa.float64()),
    ]
)
LIFE = pa.schema(
    [
        ("element", pa.int32()),
        ("label", pa.string()),
        ("position", pa.float64()),
        ("pictures", pa.int32()),
        ("found", pa.int32()),
        ("share", pa.float64()),
        ("share_low", pa.float64()),
        ("share_high", pa.float64()),
        ("patches", pa.int32()),
        ("mean_typicality", pa.float32()),
        ("mean_low", pa.float32()),
        ("mean_high", pa.float32()),
        ("at_least", pa.float32()),
    ]
)
PATCH_ELEMENTS = pa.schema([("element", pa.int32()), ("element_distance", pa.float32())])


def clustered_table(
    patches: Sequence[Patch], mined: BoolArray, cluster: IntArray, distance: FloatArray, duplicates: IntArray
) -> pa.Table:
    """Rows of ``patches.parquet``.

    Args:
        mined: bool, (patches,): what was clustered; the others are controls.
        cluster, distance, duplicates: (patches,), see ``diffmine.analysis.ranking.Ranked``.
    """
    table = patches_table(patches)
    columns = {
        "cluster": pa.array(cluster, mask=~mined),
        "cluster_distance": pa.array(distance, mask=cluster < 0),
        "duplicates": pa.array(duplicates, mask=duplicates < 0),
    }
    for name, column in columns.items():
        table = table.append_column(CLUSTERED_PATCHES.field(name), column)
    return table


def images_table(records: Iterable[ImageRecord]) -> pa.Table:
    """Rows of ``images.parquet``; ``label`` is the first of ``labels``."""
    records = list(records)
    columns: dict[str, list[Any]] = {
        name: [getattr(record, name) for record in records] for name in IMAGES.names if name not in ("label", "columns")
    }
    columns["label"] = [record.labels[0] for record in records]
    columns["columns"] = [list(record.columns.items()) for record in records]
    return pa.table({name: columns[name] for name in IMAGES.names}, schema=IMAGES)


def completed(images: pa.Table) -> pa.Table:
    """The columns of :data:`IMAGES`, those filled in that a table of an earlier version lacks."""
    missing: dict[str, Callable[[], Any]] = {
        "fold": lambda: pa.nulls(len(images), pa.int32()),
        "mined": lambda: pc.equal(images["split"], "train"),
        "origin": lambda: pa.array(["dataset"] * len(images), pa.string()),
    }
    for name, values in missing.items():
        if name not in images.column_names:
            images = images.append_column(IMAGES.field(name), values())
    return images.select(IMAGES.names)


def image_records(table: pa.Table) -> Iterator[ImageRecord]:
    """The inverse of :func:`images_table`, with the columns of :data:`KIN` where the table has them."""
    names = [*_RECORD, *(name for name in KIN.names if name in table.column_names)]
    columns = (table[name].to_pylist() for name in names)
    for image_id, path, labels, width, height, digest, split, further, fold, mined, origin, *kin in zip(
        *columns, strict=True
    ):
        yield ImageRecord(
            image_id, path, tuple(labels), width, height, digest, split, dict(further), fold, mined, origin,
            *map(tuple, kin),
        )  # fmt: skip


def patches_table(patches: Sequence[Patch]) -> pa.Table:
    """Rows of a patch table, without clusters."""
    columns = {
        "image_id": [patch.image_id for patch in patches],
        "label": [patch.label for patch in patches],
        "y0": [patch.box.y0 for patch in patches],
        "x0": [patch.box.x0 for patch in patches],
        "y1": [patch.box.y1 for patch in patches],
        "x1": [patch.box.x1 for patch in patches],
        "typicality": [patch.typicality for patch in patches],
        "typicality_stderr": [patch.stderr for patch in patches],
        "selection": [patch.selection for patch in patches],
        "rank": [patch.rank for patch in patches],
        "p_value": [patch.p_value for patch in patches],
        "q_value": [patch.q_value for patch in patches],
    }
    return pa.table(columns, schema=PATCHES)


def patches_of(table: pa.Table) -> list[Patch]:
    """The inverse of :func:`patches_table`; further columns are left out."""
    names = PATCHES.names
    return [
        Patch(image_id, label, Box(y0, x0, y1, x1), *rest)
        for image_id, label, y0, x0, y1, x1, *rest in zip(*(table[name].to_pylist() for name in names), strict=True)
    ]
