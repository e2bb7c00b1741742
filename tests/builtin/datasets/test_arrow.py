"""Dataset ``arrow``: what Hugging Face's datasets save, written here as version 5.2 does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from diffmine.builtin.datasets.arrow import Arrow
from diffmine.errors import DataError, RecipeError
from diffmine.interfaces import Dataset
from diffmine.testing.contracts.datasets import DatasetContract
from diffmine.testing.toy_pictures import write_toy_folder

CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def save(folder: Path, rows: list[dict[str, Any]], label: Any, kind: pa.DataType) -> Path:
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=pa.schema([("photo", CELL), ("year", pa.int16()), ("town", kind)]))
    with pa.ipc.new_stream(folder / "data.arrow", table.schema) as stream:
        stream.write_table(table)
    features = {"photo": {"_type": "Image"}, "year": {"_type": "Value", "dtype": "int16"}, "town": label}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    return folder


def arrow(path: Path, **options: object) -> Arrow:
    return Arrow(Arrow.Config.model_validate({"path": path, **options}))


class TestArrow(DatasetContract):
    unusable = frozenset({"data.arrow/0.jpg", "data.arrow/1.png", "data.arrow/2"})

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        toy = write_toy_folder(tmp_path / "toy", per_label=4)
        files = sorted(path for path in toy.rglob("*") if path.is_file())
        rows = [{"photo": {"bytes": b"", "path": "empty.jpg"}, "town": "a"}]
        rows += [{"photo": {"bytes": None, "path": str(toy / "gone.png")}, "town": "a"}, {"photo": None, "town": "a"}]
        rows += [
            {"photo": {"bytes": one.read_bytes(), "path": one.name}, "town": one.parent.name} for one in files[::2]
        ]
        rows += [{"photo": {"bytes": None, "path": str(one)}, "town": one.parent.name} for one in files[1::2]]
        return arrow(save(tmp_path / "saved", rows, {"_type": "Value", "dtype": "string"}, pa.string()))


def test_rows_without_a_label_are_passed_over(tmp_path: Path) -> None:
    rows = [{"photo": {"bytes": b"x", "path": None}, "town": number} for number in (1, -1, None, 0)]
    saved = save(tmp_path / "set", rows, {"_type": "ClassLabel", "names": ["Rome", "Oslo"]}, pa.int64())
    found = {item.path: item.labels for item in arrow(saved).open(Path()).scan()}
    assert found == {"data.arrow/0": ("Oslo",), "data.arrow/3": ("Rome",)}


CLASSES = {"_type": "ClassLabel", "names": ["Rome", "Oslo"]}


@pytest.mark.parametrize(
    ("feature", "kind", "stored", "labels"),
    [
        ({"_type": "List", "feature": CLASSES}, pa.list_(pa.int64()), [1, 0, 1], ("Oslo", "Rome")),
        ({"_type": "Sequence", "feature": CLASSES}, pa.list_(pa.int64()), [0, -1], ("Rome",)),
        ([{"_type": "Value", "dtype": "string"}], pa.list_(pa.string()), ["a ", "b"], ("a", "b")),
        ({"_type": "Value", "dtype": "int64"}, pa.int64(), 1990, ("1990",)),
    ],
)
def test_kinds_of_labels(
    tmp_path: Path, feature: Any, kind: pa.DataType, stored: object, labels: tuple[str, ...]
) -> None:
    rows = [{"photo": {"bytes": b"x", "path": "a/b.png"}, "year": 3, "town": stored}]
    items = list(arrow(save(tmp_path / "set", rows, feature, kind), label="town").open(Path()).scan())
    assert [(item.path, item.labels, item.columns) for item in items] == [("data.arrow/0.png", labels, {"year": "3"})]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    saved = save(tmp_path / "set", [], {"_type": "Value", "dtype": "float32"}, pa.float32())
    with pytest.raises(RecipeError, match="no column of labels; its columns: photo, year, town"):
        arrow(saved).open(Path())
    with pytest.raises(RecipeError, match=r"image = 'town': no column .* that fits; those that do: photo"):
        arrow(saved, image="town").open(Path())
    for name in ("dataset_info.json", "state.json"):
        (saved / name).write_text("[]")
        with pytest.raises(DataError, match=f"{name} is not what save_to_disk"):
            arrow(saved).open(Path())
    saved = save(tmp_path / "cut", [], {"_type": "Value", "dtype": "string"}, pa.string())
    (saved / "data.arrow").write_bytes(b"no table")
    with pytest.raises(DataError, match="save the dataset again"):
        list(arrow(saved).open(Path()).scan())
