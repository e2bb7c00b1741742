"""Tables in every format say the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diffmine.testing.toy_tables import labels, scanned, write

ROWS = [
    {"file": "x/1.png", "label": "cat", "year": 1975, "place": "Paris, France"},
    {"file": "x/2.png", "label": "dog", "year": 1980, "place": ""},
    {"file": "y/1.png", "label": "cat", "year": None, "place": 'the "Rock"'},
]


def as_csv(root: Path) -> str:
    write(root / "t.csv", '\ufefffile,label,year,place\nx/1.png,cat,1975,"Paris, France"\nx/2.png,dog,1980\n\n'
          'y/1.png, cat ,,"the ""Rock"""\n')  # fmt: skip
    return "t.csv"


def as_tsv(root: Path) -> str:
    write(root / "t.tsv", 'file\tlabel\tyear\tplace\nx/1.png\tcat\t1975\tParis, France\nx/2.png\tdog\t1980\t\n'
          'y/1.png\tcat\t\t"the ""Rock"""\n')  # fmt: skip
    return "t.tsv"


def as_parquet(root: Path) -> str:
    rows = [{**row, "bytes": b"\xff\xd8"} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), root / "t.parquet")
    return "t.parquet"


def as_float_parquet(root: Path) -> str:
    """Whole numbers beside a gap, as pandas writes them."""
    rows = [{**row, "year": float(row["year"] or "nan")} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), root / "t.parquet")
    return "t.parquet"


def as_json(root: Path) -> str:
    write(root / "t.json", json.dumps(ROWS))
    return "t.json"


def as_json_mapping(root: Path) -> str:
    write(root / "t.json", json.dumps({row["file"]: {**row, "file": row["file"]} for row in ROWS}))
    return "t.json"


def as_json_lines(root: Path) -> str:
    write(root / "t.jsonl", "\n".join(json.dumps({k: v for k, v in row.items() if v}) for row in ROWS) + "\n")
    return "t.jsonl"


FORMATS = [as_csv, as_tsv, as_parquet, as_float_parquet, as_json, as_json_mapping, as_json_lines]


@pytest.mark.parametrize("write_as", FORMATS, ids=lambda write_as: write_as.__name__)
def test_every_format_says_the_same(tmp_path: Path, write_as: Callable[[Path], str]) -> None:
    items = {item.path: item for item in scanned(tmp_path, index=write_as(tmp_path))}
    assert {path: item.labels[0] for path, item in items.items()} == {
        "x/1.png": "cat",
        "x/2.png": "dog",
        "y/1.png": "cat",
    }
    for row in ROWS:
        columns = dict(items[row["file"]].columns)
        columns.pop("key", None)
        assert columns == {name: str(value) for name, value in row.items() if value}


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("t.csv", "a b.png;cat\nc.png;dog\n", {"columns": ["file", "label"], "delimiter": ";"}),
        ("t.txt", "a b.png  cat\n\nc.png\tdog\n", {"columns": ["file", "label"]}),
        ("t.txt", "file label\na%20b.png cat\nc.png dog\n", {}),
        ("t.json", '[["a b.png", "cat"], ["c.png", "dog"]]', {"columns": ["file", "label"]}),
        ("t.json", '{"a b.png": "cat", "c.png": "dog"}', {"columns": ["file", "label"]}),
        ("t.json", '{"a b.png": "cat", "c.png": "dog"}', {"image": "key", "label": "value"}),
        ("t.json", '{"a b.png": ["cat"], "c.png": {"value": "dog"}}', {"image": "key", "label": "value"}),
    ],
)
def test_files_without_a_header(tmp_path: Path, name: str, text: str, options: dict[str, object]) -> None:
    found = labels(write(tmp_path / name, text), index=name, **options)
    assert {path.replace("%20", " "): label for path, label in found.items()} == {
        "a b.png": ("cat",),
        "c.png": ("dog",),
    }
