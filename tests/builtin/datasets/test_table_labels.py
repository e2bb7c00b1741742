"""What a cell says of labels."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diffmine.testing.toy_tables import labels, scanned, write


@pytest.mark.parametrize(
    ("cell", "options", "expected"),
    [
        ("a|b | a||c", {"separator": "|"}, ("a", "b", "c")),
        ("a|b", {}, ("a|b",)),
        (" ", {}, None),
        ("|", {"separator": "|"}, None),
        ("1975", {"bin": 10}, ("1970",)),
        ("1970", {"bin": 10}, ("1970",)),
        ("-1", {"bin": 10}, ("-10",)),
        ("0.3", {"bin": 0.1}, ("0.3",)),
        ("2.7", {"bin": 0.5}, ("2.5",)),
        ("nan", {"bin": 10}, None),
        ("1975|1981|1979", {"bin": 10, "separator": "|"}, ("1970", "1980")),
        ("/a/abbey", {"label_pattern": "^/./(.*)$"}, ("abbey",)),
        ("circa 1975", {"label_pattern": r"\d+", "bin": 10}, ("1970",)),
        ("unknown", {"label_pattern": r"\d+", "bin": 10}, None),
    ],
)
def test_labels_of_a_cell(
    tmp_path: Path, cell: str, options: dict[str, object], expected: tuple[str, ...] | None
) -> None:
    write(tmp_path / "index.csv", f"file,label\na.png,{cell}\n")
    assert labels(tmp_path, **options) == ({"a.png": expected} if expected else {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.txt", "/a/x 0\na tench 1\n"),
        ("names.txt", "0 /a/x\n1 a tench\n"),
        ("names.json", '{"0": "/a/x", "1": "a tench"}'),
    ],
)
def test_label_names(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / name, text)
    write(tmp_path / "index.csv", "file,label\na.png,1\nb.png,0\n")
    assert labels(tmp_path, label_names=name) == {"a.png": ("a tench",), "b.png": ("/a/x",)}


def test_lists_in_parquet_and_json_are_several_labels(tmp_path: Path) -> None:
    rows = [{"file": "a.png", "label": ["cat", "dog"]}, {"file": "b.png", "label": []}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    write(tmp_path / "t.json", json.dumps(rows))
    for index in ("t.parquet", "t.json"):
        (item,) = scanned(tmp_path, index=index)
        assert item.labels == ("cat", "dog")
        assert item.columns["label"] == "cat, dog"
