"""Patches of a run in formats that other tools read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from diffmine.runs.contents import Contents, Rows
from diffmine.runs.run import Run
from diffmine.types import OUTLIER


def patch_table(contents: Contents, rows: Rows) -> pa.Table:
    """The rows of ``patches.parquet``, with the path of each picture and what its cluster is flagged as, if it is."""
    table = contents.run.patches.take(pa.array(rows, pa.int64()))
    paths = [contents.run.records[image_id].path for image_id in table["image_id"].to_pylist()]
    marks = {
        (label, one.cluster): "; ".join(one.marks) or None
        for label in contents.labels
        for one in contents.clusters(label)
    }
    flags = [marks.get(key) for key in zip(table["label"].to_pylist(), table["cluster"].to_pylist(), strict=True)]
    table = table.add_column(1, "path", pa.array(paths, pa.string()))
    return table.append_column("flags", pa.array(flags, pa.string()))


def as_csv(contents: Contents, rows: Rows) -> bytes:
    """A line a patch."""
    buffer = io.BytesIO()
    csv.write_csv(patch_table(contents, rows), buffer)
    return buffer.getvalue()


def as_json(contents: Contents, rows: Rows) -> bytes:
    """A list of objects, one a patch."""
    return _json(patch_table(contents, rows).to_pylist())


def as_parquet(contents: Contents, rows: Rows) -> bytes:
    """A Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(patch_table(contents, rows), buffer)
    return buffer.getvalue()


def as_markdown(contents: Contents, rows: Rows) -> bytes:
    """A pipe table."""
    from diffmine.studies.markdown import table

    patches = patch_table(contents, rows)
    cells = [["" if value is None else _text(value) for value in row.values()] for row in patches.to_pylist()]
    return ("\n".join(table(patches.column_names, cells)).rstrip() + "\n").encode()


def as_coco(contents: Contents, rows: Rows) -> bytes:
    """COCO object detection: a box a patch, a category for each cluster of a label.

    Boxes are (x, y, width, height) in pixels of the pictures as the pipeline sees them. Outliers have the category
    ``LABEL/outliers``, controls that of their selection. ``score`` is the typicality, as in COCO's results.
    """
    patches = patch_table(contents, rows).to_pylist()
    names = [_category(one) for one in patches]
    categories = {name: number for number, name in enumerate(sorted(set(names)), 1)}
    pictures = {image_id: number for number, image_id in enumerate(sorted({one["image_id"] for one in patches}), 1)}
    return _json(
        {
            "info": {"description": f"patches of the diffmine run {contents.run.info['name']}"},
            "images": [_coco_image(contents.run, image_id, number) for image_id, number in pictures.items()],
            "annotations": [
                _annotation(one, number, pictures[one["image_id"]], categories[name])
                for number, (one, name) in enumerate(zip(patches, names, strict=True), 1)
            ],
            "categories": [
                {"id": number, "name": f"{label}/{group}", "supercategory": label}
                for (label, group), number in categories.items()
            ],
        }
    )


WRITERS: dict[str, Callable[[Contents, Rows], bytes]] = {
    "csv": as_csv,
    "json": as_json,
    "parquet": as_parquet,
    "markdown": as_markdown,
    "coco": as_coco,
}


def _category(one: dict[str, Any]) -> tuple[str, str]:
    """(label, cluster)."""
    if one["cluster"] is None:
        return one["label"], one["selection"]
    return one["label"], "outliers" if one["cluster"] == OUTLIER else str(one["cluster"])


def _coco_image(run: Run, image_id: str, number: int) -> dict[str, Any]:
    record = run.records[image_id]
    return {"id": number, "file_name": record.path, "width": record.width, "height": record.height}


def _annotation(one: dict[str, Any], number: int, image: int, category: int) -> dict[str, Any]:
    width, height = one["x1"] - one["x0"], one["y1"] - one["y0"]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [one["x0"], one["y0"], width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": one["typicality"],
    }


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
