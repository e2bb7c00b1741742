"""Which pictures a table lists."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from diffmine.errors import DataError, DiffmineWarning
from diffmine.testing.toy_tables import labels, pictures, scanned, table, write


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
        ("e.csv", 'Image,Box\n"1/45.png","1,2"\n2,\n', {"1/135"}),
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
    everything = {f"{place}/{angle}" for place in (1, 2) for angle in (45, 135)}
    found = labels(tmp_path, image="images/{id}/{angle}.png", label="country", only=name, values={"angle": [45, 135]})
    assert {path.removeprefix("images/").removesuffix(".png") for path in found} == everything - left


def test_kept_columns(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "file,label,region,note\na.png,x,Asia,long\n")
    (item,) = scanned(tmp_path, keep_columns=["region"])
    assert item.columns == {"region": "Asia"}


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
