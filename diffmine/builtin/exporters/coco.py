"""Exporter ``coco``."""

from __future__ import annotations

import json
from typing import Any

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import group_name, patch_table
from diffmine.runs.run import Run


class Coco(Exporter):
    """A box a patch, a category for each cluster of a label: COCO object detection.

    Boxes are (x, y, width, height) in pixels of the pictures as the pipeline sees them. Outliers have the category
    ``LABEL/outliers``, controls that of their selection. ``score`` is the typicality, as in COCO's results. The format:
    https://cocodataset.org/#format-data.
    """

    name = "coco"
    suffix = ".json"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        patches = patch_table(contents, rows).to_pylist()
        names = [(one["label"], group_name(one)) for one in patches]
        categories = {name: number for number, name in enumerate(sorted(set(names)), 1)}
        pictures = {image_id: number for number, image_id in enumerate(sorted({one["image_id"] for one in patches}), 1)}
        content = {
            "info": {"description": f"patches of the diffmine run {contents.run.info['name']}"},
            "images": [_coco_image(contents.run, image_id, number) for image_id, number in pictures.items()],
            "annotations": [
                _annotation(one, number, pictures[one["image_id"]], categories[name])
                for number, (one, name) in enumerate(zip(patches, names, strict=True), 1)
            ],
            "categories": [
                {"id": number, "name": name, "supercategory": label} for (label, name), number in categories.items()
            ],
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


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
