"""Exporter ``labelstudio``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import group_name, patch_table

LOCAL_FILES = "/data/local-files/?d="
IMAGE, LABEL = "image", "label"


class LabelStudio(Exporter):
    """Boxes for Label Studio: a task a picture, with the patches as predictions to correct.

    For a project with ``<Image name="image" value="$image"/>`` and ``<RectangleLabels name="label" toName="image">``,
    whose labels are the clusters of each label. Boxes are percents of the picture. Pictures are local files below
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``, which is the dataset's folder. The formats:
    https://labelstud.io/guide/predictions.html and https://labelstud.io/guide/storage.html#Local-storage.
    """

    name = "labelstudio"
    suffix = ".json"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        tasks: dict[str, dict[str, Any]] = {}
        version = f"diffmine {contents.run.info.get('diffmine', '')}".strip()
        for number, one in enumerate(patch_table(contents, rows).to_pylist()):
            task = tasks.setdefault(one["image_id"], _task(one["path"], version))
            record = contents.run.records[one["image_id"]]
            task["predictions"][0]["result"].append(_region(one, number, record.width, record.height))
        return (json.dumps([*tasks.values()], indent=1, ensure_ascii=False) + "\n").encode()


def _task(path: str, version: str) -> dict[str, Any]:
    return {"data": {IMAGE: LOCAL_FILES + quote(path)}, "predictions": [{"model_version": version, "result": []}]}


def _region(one: dict[str, Any], number: int, width: int, height: int) -> dict[str, Any]:
    return {
        "id": f"patch-{number}",
        "type": "rectanglelabels",
        "from_name": LABEL,
        "to_name": IMAGE,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {
            "rotation": 0,
            "x": 100 * one["x0"] / width,
            "y": 100 * one["y0"] / height,
            "width": 100 * (one["x1"] - one["x0"]) / width,
            "height": 100 * (one["y1"] - one["y0"]) / height,
            "rectanglelabels": [group_name(one)],
        },
        "meta": {"text": [f"typicality {one['typicality']:.4g}"]},
    }
