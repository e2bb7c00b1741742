"""Tables that mean harm, or were made by a broken program."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffmine.builtin.datasets.table_boxes import fill_boxes
from diffmine.builtin.datasets.table_labels import LabelRule
from diffmine.errors import DataError, DiffmineWarning, RecipeError
from diffmine.testing.contracts.datasets import record_of
from diffmine.testing.toy_tables import labels, pictures, scanned, table, write

ROWS = "file,label\na.png,cat\n"


@pytest.mark.parametrize("pattern", [r"(a|aa)+$", r"(.*a){25}x"])
def test_a_catastrophic_pattern_ends(tmp_path: Path, pattern: str) -> None:
    write(tmp_path / "index.csv", f"file,label\nb.png,ok\na.png,{'a' * 3000}b\n")
    with pytest.raises(DataError, match=r"line 3 of .*given up after 1 s; write the pattern without repetitions"):
        labels(tmp_path, label_pattern=pattern)


def test_a_catastrophic_template_ends(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "id,label\na,cat\n")
    (tmp_path / ("a" * 200 + ".jpg")).touch()
    image = "{id}" + "".join(f"{{v{number}}}a" for number in range(12)) + "b.jpg"
    with pytest.raises(DataError, match=r"image = .* was given up"):
        labels(tmp_path, image=image)


def test_a_rule_with_a_pattern_crosses_processes() -> None:
    rule = pickle.loads(pickle.dumps(LabelRule(pattern="c(a)t|dog")))
    assert rule.labels("my cat", "row 1") == ("a",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.json", "[" * 100_000, r"index\.json is nested too deeply"),
        ("index.json", '[{"file": "a.png", "label": "cat"}, {"file": "b\\u0000.png", "label": "cat"}]', "entry 2 of"),
        ("index.json", '[{"file": "b\\ud800.png", "label": "cat"}]', r"entry 1 of .*'file' holds 'b\\ud800.png'"),
        ("index.json", '[{"file": "b.png", "label": "cat", "\\ud800": 1}]', "entry 1 of .* no text; mend the row"),
        ("index.jsonl", '{"file": "a.png", "label": "cat"}\n{"file": "\\u0000", "label": "cat"}', "line 2 of"),
        ("index.jsonl", '{"file": "a.png", "label": ' + "[" * 100_000, r"line 1 of .* is nested too deeply"),
        ("index.jsonl", '{"file": "a.png", "label": ' + "9" * 5000 + "}", r"line 1 of .* is no valid JSON"),
        ("index.csv", "file,label\na.png,cat\nb\0.png,cat\n", "line 3 of .*'file' holds"),
    ],
)
def test_what_is_no_text_is_named_by_file_and_row(tmp_path: Path, name: str, content: str, message: str) -> None:
    write(tmp_path / name, content)
    with pytest.raises(DataError, match=message):
        scanned(tmp_path, index=name)


@pytest.mark.parametrize("depth", [500, 900, 990])
def test_lists_in_lists_are_read_or_refused(tmp_path: Path, depth: int) -> None:
    write(tmp_path / "index.json", '[{"file": "a.png", "label": ' + "[" * depth + '"cat"' + "]" * depth + "}]")
    try:
        assert labels(tmp_path, index="index.json") == {"a.png": ("cat",)}
    except DataError as error:
        assert "nested too deeply" in str(error)  # noqa: PT017


@pytest.mark.parametrize("option", ["exclude", "label_names"])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.json", b"[" * 100_000, "nested too deeply"),
        ("f.json", b"\xff", "cannot be read: .*utf-8"),
        ("f.txt", b"\xff", "cannot be read: .*utf-8"),
        ("x" * 300, b"", "cannot be read: file name too long"),
    ],
)
def test_further_files(tmp_path: Path, option: str, name: str, content: bytes, message: str) -> None:
    write(tmp_path / "index.csv", ROWS)
    if len(name) < 200:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{option}: .*{message}"):
        scanned(tmp_path, **{option: name})


def test_names_too_long_to_be_files(tmp_path: Path) -> None:
    long = "x" * 300
    write(tmp_path / "index.csv", f"file,label\n{long},cat\n")
    with pytest.raises(RecipeError, match="index cannot be the name of a table: file name too long"):
        scanned(tmp_path, index=long)
    with pytest.warns(DiffmineWarning, match="1 rows of"):
        assert labels(tmp_path, image="{file}/{view}.png") == {}
    source = table(tmp_path, masks="{file}.png")
    assert source.fingerprint()
    (item,) = source.open(tmp_path).scan()
    with pytest.raises(OSError, match="too long"):
        source.open(tmp_path).read(item.path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(rows=JSON | st.lists(st.fixed_dictionaries({"file": JSON, "label": JSON}), max_size=4))
def test_any_json_is_a_table_or_an_error(tmp_path_factory: pytest.TempPathFactory, rows: object) -> None:
    root = tmp_path_factory.getbasetemp() / "any-json"
    write(root / "index.json", json.dumps(rows))
    try:
        for item in scanned(root, index="index.json"):
            item.path.encode()
            "".join(item.labels).encode()
    except (DataError, RecipeError) as error:
        assert str(root) in str(error)  # noqa: PT017


def with_boxes(root: Path, rows: str, **options: object) -> dict[str, np.ndarray]:
    """The masks of a picture of 20 x 10 pixels."""
    Image.new("RGB", (20, 10)).save(root / "a.png")
    write(root / "index.csv", ROWS)
    write(root / "boxes.csv", f"file,label,x,y,width,height\n{rows}")
    source = table(root, boxes={"index": "boxes.csv", "label": "label", **options}).open(root)
    (item,) = source.scan()
    return dict(source.masks(record_of(item, source)))


@pytest.mark.parametrize(
    ("numbers", "options", "message"),
    [
        ("nan,1,2,3", {}, r"line 3 of .*boxes\.csv: a box needs finite numbers, not x = nan, y = 1, width = 2"),
        ("1,1,inf,3", {}, "finite"),
        ("1,1,-2,3", {}, r"line 3 of .*: the box x = 1, y = 1, width = -2, height = 3 is inside out, read as xywh"),
        ("5,5,2,3", {"format": "xyxy"}, "inside out, read as xyxy"),
        ("1e308,1,1e308,3", {}, "finite"),
    ],
)
def test_boxes_that_are_none(tmp_path: Path, numbers: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_boxes(tmp_path, f"a.png,cat,1,1,2,2\na.png,cat,{numbers}\n", **options)


def test_overlapping_boxes_become_their_union(tmp_path: Path) -> None:
    masks = with_boxes(tmp_path, "a.png,cat,0,0,6,6\na.png,cat,4,4,6,6\n")
    assert int(masks["cat"].sum()) == 36 + 36 - 4


def test_boxes_beyond_the_picture_are_cut_off_and_counted(tmp_path: Path) -> None:
    rows = ["15,5,100,100", "-7,-7,5,5", "20,0,4,4", "0,0.4,20.4,10"]
    with pytest.warns(DiffmineWarning, match=r"3 boxes of .*boxes\.csv reach beyond.*such as a\.png \(20 x 10 pixels"):
        masks = with_boxes(tmp_path, "".join(f"a.png,{label},{row}\n" for label, row in zip("abcd", rows, strict=True)))
    assert {label: int(mask.sum()) for label, mask in masks.items()} == {"a": 25, "d": 200}


def test_many_pictures_with_boxes_beyond_them_make_few_warnings(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(12)]
    pictures(tmp_path, *names)
    write(tmp_path / "index.csv", "file,label\n" + "".join(f"{name},cat\n" for name in names))
    write(tmp_path / "b.csv", "file,label,x,y,width,height\n" + "".join(f"{name},cat,0,0,99,99\n" for name in names))
    source = table(tmp_path, boxes={"index": "b.csv", "label": "label"}).open(tmp_path)
    records = [record_of(item, source) for item in source.scan()]
    with pytest.warns(DiffmineWarning) as caught:
        _ = [source.masks(record) for record in records * 2]
    assert [str(one.message).split(" boxes")[0] for one in caught] == ["1", "10"]


CORNERS = st.tuples(*[st.floats(-30, 30)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


@given(st.lists(CORNERS, max_size=4), st.integers(1, 20), st.integers(1, 20))
def test_a_mask_is_the_union_of_its_boxes(
    boxes: list[tuple[float, float, float, float]], width: int, height: int
) -> None:
    mask = fill_boxes(boxes, width, height, None)
    y, x = np.mgrid[:height, :width] + 0.5
    held = np.zeros_like(mask)
    for x0, y0, x1, y1 in boxes:
        held |= (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
    assert np.all(mask[held])
    assert np.count_nonzero(mask & ~held) <= sum(max(width, height) for _ in boxes), "a pixel's width each, at most"
