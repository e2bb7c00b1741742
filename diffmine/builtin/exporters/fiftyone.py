"""Exporter ``fiftyone``."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from diffmine.errors import DataError
from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import group_name, patch_table

ATTRIBUTES = ("typicality", "q_value", "rank", "flags", "words")


class FiftyOne(Exporter):
    """Boxes for FiftyOne: ``labels.json`` of a FiftyOneImageDetectionDataset.

    Pictures are named by their paths in the dataset's folder, without suffixes; boxes are (x, y, width, height) as
    shares of the picture; the classes are the clusters of each label. Load it with ``fiftyone.Dataset.from_dir(
    dataset_type=fiftyone.types.FiftyOneImageDetectionDataset, data_path=PICTURES, labels_path=FILE)``. The format:
    https://docs.voxel51.com/user_guide/dataset_creation/datasets.html#fiftyoneimagedetectiondataset.
    """

    name = "fiftyone"
    suffix = ".json"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        patches = patch_table(contents, rows).to_pylist()
        classes = sorted({group_name(one) for one in patches})
        targets = {name: number for number, name in enumerate(classes)}
        labels: dict[str, list[dict[str, Any]]] = {}
        paths: dict[str, str] = {}
        for one in patches:
            path = one["path"]
            uuid = str(PurePosixPath(path).with_suffix(""))
            if paths.setdefault(uuid, path) != path:
                raise DataError(
                    f"{paths[uuid]} and {path} differ by their suffixes alone, and FiftyOne's format cannot tell them "
                    "apart; export coco, which FiftyOne reads too"
                )
            record = contents.run.records[one["image_id"]]
            labels.setdefault(uuid, []).append(_detection(one, targets[group_name(one)], record.width, record.height))
        return (json.dumps({"classes": classes, "labels": labels}, indent=1, ensure_ascii=False) + "\n").encode()


def _detection(one: dict[str, Any], target: int, width: int, height: int) -> dict[str, Any]:
    across, down = one["x1"] - one["x0"], one["y1"] - one["y0"]
    return {
        "label": target,
        "bounding_box": [one["x0"] / width, one["y0"] / height, across / width, down / height],
        "attributes": {name: one[name] for name in ATTRIBUTES if one.get(name) is not None},
    }
