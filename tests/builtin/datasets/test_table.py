from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from diffmine.builtin.datasets.table import Table
from diffmine.errors import DataError, DiffmineWarning, RecipeError
from diffmine.interfaces import Dataset
from diffmine.testing.contracts.datasets import DatasetContract, record_of
from diffmine.testing.toy_pictures import toy_picture
from diffmine.types import Item

ROWS = [
    {"file": "x/1.png", "label": "cat", "year": 1975, "place": "Paris, France"},
    {"file": "x/2.png", "label": "dog", "year": 1980, "place": ""},
    {"file": "y/1.png", "label": "cat", "year": None, "place": 'the "Rock"'},
]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path.parent


def table(root: Path, **options: object) -> Table:
    defaults = {"path": root, "index": "index.csv", "image": "file", "label": "label"}
    return Table(Table.Config.model_validate(defaults | options))


def scanned(root: Path, **options: object) -> list[Item]:
    return list(table(root, **options).open(root).scan())


def labels(root: Path, **options: object) -> dict[str, tuple[str, ...]]:
    return {item.path: item.labels for item in scanned(root, **options)}


def pictures(root: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(toy_picture(0, 1, 16, 0, number)[0]).save(root / path)


# --- formats


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


# --- labels


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


# --- paths


def test_rows_of_one_picture_are_one_item(tmp_path: Path) -> None:
    text = "file,label,n\na.png,cat,1\nb.png,cat,2\n./a.png,dog,3\nx//../a.png,cat,4\n"
    items = scanned(write(tmp_path / "index.csv", text))
    assert sorted((item.path, item.labels) for item in items) == [("a.png", ("cat", "dog")), ("b.png", ("cat",))]
    assert {item.path: item.columns["n"] for item in items} == {"a.png": "1", "b.png": "2"}


def test_absolute_paths_inside_the_root(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", f"file,label\n{tmp_path}/x/a.png,cat\n")
    assert labels(tmp_path) == {"x/a.png": ("cat",)}


@pytest.mark.parametrize("path", ["../a.png", "/etc/a.png", "x/../../a.png"])
def test_paths_outside_the_root_are_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path / "index.csv", f"file,label\n{path},cat\n")
    with pytest.raises(DataError, match=r"line 2 of .* lies outside"):
        labels(tmp_path)


def test_values_and_files_fill_free_placeholders_alike(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "id,label\n1,cat\n2,dog\n")
    pictures(tmp_path, *(f"view {view}/{key}-{angle}.png" for view in "ab" for key in (1, 2) for angle in (0, 90)))
    pictures(tmp_path, "view a/11-0.png", "view a/1-0.jpg", "other/1-0.png")
    image = "view {view}/{id}-{angle}.png"
    by_files = labels(tmp_path, image=image)
    assert len(by_files) == 8
    assert by_files == labels(tmp_path, image=image, values={"view": ["a", "b"], "angle": [0, 90]})
    assert by_files == labels(tmp_path, image=image, values={"angle": [0, 90]})
    assert labels(tmp_path, image=image, values={"view": "a", "angle": 0}) == {
        "view a/1-0.png": ("cat",),
        "view a/2-0.png": ("dog",),
    }


def test_a_free_placeholder_named_twice_has_one_value(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "id,label\n1,cat\n")
    pictures(tmp_path, "a/1-a.png", "a/1-b.png")
    assert labels(tmp_path, image="{view}/{id}-{view}.png") == {"a/1-a.png": ("cat",)}


def test_rows_without_pictures_are_told_of(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "id,label\n1,cat\n2,dog\n,dog\n")
    pictures(tmp_path, "1/a.png")
    with pytest.warns(DiffmineWarning, match="1 rows of"):
        assert labels(tmp_path, image="{id}/{view}.png") == {"1/a.png": ("cat",)}


# --- what is left out


def test_filters(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "file,label,year,region\na.png,x,1975,Asia\nb.png,x,1976,Asia\nc.png,x,1975,Europe\n")
    assert set(labels(tmp_path, filters={"year": 1975, "region": ["Asia", "Africa"]})) == {"a.png"}


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("e.json", '["images/1/45.png"]', {"1/135", "2/45", "2/135"}),
        ("e.json", '["1/45.png", "2/135"]', {"1/135", "2/45"}),
        ("e.json", '["1"]', {"2/45", "2/135"}),
        ("e.json", "[1]", {"2/45", "2/135"}),
        ("e.json", '[["1", 45], {"id": 2, "angle": 135}]', {"1/135", "2/45"}),
        ("e.json", '[{"country": "Japan"}]', {"1/45", "1/135"}),
        ("e.json", '{"1": [45], "2": true}', {"1/135"}),
        ("e.json", '{"1": false, "2": "blurred"}', {"1/45", "1/135"}),
        ("e.json", "[]", {"1/45", "1/135", "2/45", "2/135"}),
        ("e.txt", "1/45.png\n\nimages/2/45.png\n", {"1/135", "2/135"}),
    ],
)
def test_exclude(tmp_path: Path, name: str, text: str, left: set[str]) -> None:
    write(tmp_path / name, text)
    write(tmp_path / "index.csv", "id,country\n1,France\n2,Japan\n")
    found = labels(
        tmp_path, image="images/{id}/{angle}.png", label="country", exclude=name, values={"angle": [45, 135]}
    )
    assert {path.removeprefix("images/").removesuffix(".png") for path in found} == left


def test_kept_columns(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "file,label,region,note\na.png,x,Asia,long\n")
    (item,) = scanned(tmp_path, keep_columns=["region"])
    assert item.columns == {"region": "Asia"}


# --- masks


class TestMaskFiles(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        root = tmp_path / "data"
        write(root / "index.csv", "id,label\n1,cat|dog\n2,dog\n3,dog\n")
        for number in (1, 2, 3):
            pixels, mask = toy_picture(0, 1, 24, 0, number)
            for path, image in (("pictures/{}.jpg", pixels), ("masks/dog/{}.png", mask), ("masks/cat/{}.png", ~mask)):
                if number < 3 or "pictures" in path:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(image).save(root / path.format(number))
        return table(root, image="pictures/{id}.jpg", separator="|", masks="masks/{label}/{id}.png", keep_columns=[])

    def test_a_file_for_each_label(self, dataset: Table) -> None:
        source = dataset.open(Path())
        items = {item.path: item for item in source.scan()}
        masks = source.masks(record_of(items["pictures/1.jpg"], source))
        assert set(masks) == {"cat", "dog"}
        assert np.array_equal(masks["dog"], toy_picture(0, 1, 24, 0, 1)[1])
        assert np.array_equal(masks["dog"], ~masks["cat"])
        assert source.masks(record_of(items["pictures/3.jpg"], source)) == {}

    def test_shuffled_labels_do_not_move_masks(self, dataset: Table) -> None:
        source = dataset.open(Path())
        items = {item.path: item for item in source.scan()}
        record = record_of(items["pictures/2.jpg"], source)
        shuffled = replace(record, labels=("cat",), columns=items["pictures/1.jpg"].columns)
        assert np.array_equal(source.masks(shuffled)["dog"], toy_picture(0, 1, 24, 0, 2)[1])


def test_boxes_by_their_corners_on_a_turned_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown upright
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.jpg", exif=exif)
    write(tmp_path / "index.csv", "file,label\na.jpg,cat\n")
    write(tmp_path / "boxes.csv", "file,what,x0,y0,x1,y1\na.jpg,cat,2,30,12,36\na.jpg,cat,-5,-5,1,1\n")
    boxes = {"index": "boxes.csv", "label": "what", "columns": ["x0", "y0", "x1", "y1"], "format": "xyxy"}
    source = table(tmp_path, boxes=boxes).open(tmp_path)
    (item,) = source.scan()
    expected = np.zeros((40, 20), dtype=bool)
    expected[30:36, 2:12] = True
    expected[:1, :1] = True
    assert np.array_equal(source.masks(record_of(item, source))["cat"], expected)


# --- identity


def test_the_fingerprint_follows_index_pictures_and_masks(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "file,label\na.png,cat\nb.png,dog\n")
    pictures(tmp_path, "a.png", "m/a.png")

    def fingerprint() -> str:
        return table(tmp_path, masks="m/{file}").fingerprint()

    seen = [fingerprint(), fingerprint()]
    assert seen[0] == seen[1]
    write(tmp_path / "unrelated.csv", "x")
    assert fingerprint() == seen[0]
    os.utime(tmp_path / "a.png", ns=(1, 1))
    seen.append(fingerprint())
    pictures(tmp_path, "b.png")
    seen.append(fingerprint())
    os.utime(tmp_path / "m" / "a.png", ns=(2, 2))
    seen.append(fingerprint())
    write(tmp_path / "index.csv", "file,label\na.png,cat\nb.png,cat\n")
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen) - 1


def test_scanning_needs_no_memory_for_single_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        write(tmp_path / "index.csv", "file,label\n" + "".join(f"folder/{n}.png,l\n" for n in range(rows)))
        source = table(tmp_path).open(tmp_path)
        tracemalloc.start()
        assert sum(1 for _ in source.scan()) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(10_000) < peak(100) + 10_000 * 60


# --- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "year", "bin": 10}, r"line 3 of .*index\.csv: the label 'about 1980' is no number.*bin = 10"),
        ({"exclude": "no.json"}, r"exclude: .*no\.json cannot be read: No such file"),
        ({"exclude": "bad.json"}, r"exclude: .*bad\.json is no valid JSON"),
        ({"exclude": "number.json"}, r"exclude: .*number\.json holds neither a list nor a mapping"),
        ({"label_names": "no.txt"}, r"label_names: .*no\.txt cannot be read"),
        ({"label_names": "index.csv"}, "no pair of an id and a name"),
        ({"label_names": "names.txt"}, "line 2 of .*: the label 'cat' is not in .*label_names"),
        ({"index": "bad.json"}, r"bad\.json is no valid JSON: .*line 1"),
        ({"index": "number.json"}, "neither a list nor a mapping"),
        ({"index": "lists.json"}, r"entry 1 of .* no object with named values; .*columns"),
        ({"index": "bad.jsonl"}, r"line 2 of .*bad\.jsonl is no valid JSON"),
        ({"index": "bad.parquet"}, r"bad\.parquet cannot be read"),
        ({"index": "latin.csv"}, r"latin\.csv cannot be read: .*utf-8"),
        ({"index": "late.csv"}, r"late\.csv cannot be read: .*utf-8"),
        ({"index": "wide.csv"}, r"line 3 of .*wide\.csv has 3 cells, more than its 2 columns"),
        ({"index": "twice.csv"}, r"twice\.csv has two columns 'label'; rename one"),
        ({"boxes": {"index": "boxes.csv", "label": "label"}}, "line 2 of .*boxes.csv: a box needs four numbers"),
    ],
)
def test_errors(tmp_path: Path, options: dict[str, object], message: str) -> None:
    write(tmp_path / "index.csv", "file,label,year\na.png,cat,1975\nb.png,dog,about 1980\n")
    write(tmp_path / "wide.csv", "file,label\na.png,cat\nb.png,dog,cat\n")
    write(tmp_path / "twice.csv", "file,label,label\n")
    write(tmp_path / "boxes.csv", "file,label,x,y,width,height\na.png,cat,1,2,?,4\n")
    write(tmp_path / "names.txt", "horse 1\n")
    write(tmp_path / "bad.json", "[1,")
    write(tmp_path / "number.json", "7")
    write(tmp_path / "lists.json", "[[1, 2]]")
    write(tmp_path / "bad.jsonl", '{"file": "a.png", "label": "cat"}\n{')
    write(tmp_path / "bad.parquet", "no parquet")
    (tmp_path / "latin.csv").write_bytes("file,label\na.png,Curaçao\n".encode("latin-1"))
    (tmp_path / "late.csv").write_bytes(b"file,label\n" + b"a.png,cat\n" * 10_000 + b"b.png,\xe7\n")
    with pytest.raises(DataError, match=message):
        table(tmp_path, **options).fingerprint()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": "indx.csv"}, r"\[dataset\] index: .*indx\.csv does not exist; tables beside it: .*index\.csv"),
        ({"index": "notes.md"}, r"notes\.md is no table; its name must end in \.csv, \.tsv"),
        ({"label": "lable"}, "label: .* has no column 'lable'; did you mean 'label'[?] its columns: file, label, year"),
        ({"image": "img"}, "image: .* has no column 'img'; its columns"),
        ({"image": "{fil}.png"}, "image: .* has no column 'fil'; did you mean 'file'"),
        ({"filters": {"yeer": 1}}, "filters: .*'yeer'; did you mean 'year'"),
        ({"keep_columns": ["yeer"]}, "keep_columns: .*'yeer'"),
        ({"masks": "m/{fle}.png"}, "masks: .*'fle'; did you mean 'file'"),
        ({"image": "{file}{x}", "values": {"file": ["a"]}}, "values.file: 'file' is a column"),
        ({"boxes": {"index": "index.csv", "label": "label", "columns": ["x", "y", "w", "h"]}}, "boxes.columns: .*'x'"),
        ({"boxes": {"index": "no.csv", "label": "label"}}, r"boxes\.index: .*no\.csv does not exist"),
    ],
)
def test_options_that_name_what_is_not_there(tmp_path: Path, options: dict[str, object], message: str) -> None:
    write(tmp_path / "index.csv", "file,label,year\na.png,cat,1975\n")
    write(tmp_path / "notes.md", "")
    with pytest.raises(RecipeError, match=message):
        table(tmp_path, **options).fingerprint()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_pattern": "("}, "this is no regular expression"),
        ({"values": {"angle": [45]}}, r"image = 'file' has no placeholder \{angle\}"),
        ({"delimiter": ";;"}, "at most 1 character"),
        ({"bin": 0}, "greater than 0"),
        ({"boxes": {"index": "b.csv", "label": "l", "columns": ["x", "y"]}}, "columns"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table(tmp_path, **options)
