"""Tables and options that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.errors import DataError, RecipeError
from diffmine.testing.toy_tables import table, write


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "year", "bin": 10}, r"line 3 of .*index\.csv: the label 'about 1980' is no number.*bin = 10"),
        ({"exclude": "no.json"}, r"exclude: .*no\.json cannot be read: no such file"),
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
