"""``diffmine show --export``: patches for other tools."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from pyarrow import csv

from diffmine.commands.cli import cli
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

FLAGS = [("c", 1, "possible shortcut"), ("c", 1, "from few images")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("export"), labels=["a|b", "c"], clusters=2, members=8, flags=FLAGS)


def export(run: Run, form: str, *arguments: str) -> bytes:
    done = CliRunner().invoke(cli, ["show", str(run.path), "--export", form, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


def test_every_table_holds_the_same_patches(run: Run) -> None:
    parquet = pq.read_table(io.BytesIO(export(run, "parquet")))
    assert parquet.num_rows == run.patches.num_rows
    assert json.loads(export(run, "json")) == parquet.to_pylist()
    text = csv.read_csv(io.BytesIO(export(run, "csv")))
    for name in ("path", "label", "y0", "x1", "cluster", "rank"):
        assert text[name].to_pylist() == parquet[name].to_pylist()
    lines = export(run, "markdown").decode().splitlines()
    assert len(lines) == parquet.num_rows + 2
    assert "a\\|b" in lines[2]


def test_patches_of_a_flagged_cluster_say_so(run: Run) -> None:
    told = {(one["label"], one["cluster"]): one["flags"] for one in json.loads(export(run, "json"))}
    assert told.pop(("c", 1)) == "possible shortcut; from few images"
    assert set(told.values()) == {None}


def test_a_label_and_a_cluster_choose_patches(run: Run) -> None:
    def chosen(*arguments: str) -> list[dict]:
        return json.loads(export(run, "json", *arguments))

    patches = run.patches.to_pylist()
    of_label = chosen("--label", "c")
    assert len(of_label) == sum(one["label"] == "c" for one in patches)
    of_cluster = chosen("--label", "c", "--cluster", "1")
    assert {(one["label"], one["cluster"]) for one in of_cluster} == {("c", 1)}
    assert of_cluster == sorted(of_cluster, key=lambda one: one["cluster_distance"])
    assert {one["selection"] for one in chosen("--label", "c", "--cluster", "random")} == {"random"}


def test_coco_has_a_box_a_patch_and_its_cluster_as_the_category(run: Run) -> None:
    coco = json.loads(export(run, "coco"))
    pictures = {one["id"]: one for one in coco["images"]}
    categories = {one["id"]: one["name"] for one in coco["categories"]}
    found, wanted = Counter(), Counter()
    for one in coco["annotations"]:
        x, y, width, height = one["bbox"]
        picture = pictures[one["image_id"]]
        assert 0 <= x < x + width <= picture["width"]
        assert 0 <= y < y + height <= picture["height"]
        assert one["area"] == width * height
        found[picture["file_name"], y, x, y + height, x + width, categories[one["category_id"]]] += 1
    for one in run.patches.to_pylist():
        group = one["selection"] if one["cluster"] is None else "outliers" if one["cluster"] < 0 else one["cluster"]
        path = run.records[one["image_id"]].path
        wanted[path, one["y0"], one["x0"], one["y1"], one["x1"], f"{one['label']}/{group}"] += 1
    assert found == wanted
    assert len({one["id"] for one in coco["annotations"]}) == len(coco["annotations"])
    assert {one["supercategory"] for one in coco["categories"]} == {"a|b", "c"}


def test_out_is_for_exports_and_is_written_whole(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "patches.parquet"
    assert export(run, "parquet", "--out", str(target)) == b""
    assert pq.read_table(target).num_rows == run.patches.num_rows
    done = CliRunner().invoke(cli, ["show", str(run.path), "--out", str(target)])
    assert done.exit_code == 2
    assert "add --export" in done.output
