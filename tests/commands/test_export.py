"""``diffmine export``: patches for other tools, held against what those say of their formats."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image
from pyarrow import csv

from diffmine.commands.cli import cli
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

FLAGS = [("c", 1, "possible shortcut"), ("c", 1, "from few images")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("export"), labels=["a|b", "c"], clusters=2, members=8, flags=FLAGS)


def export(run: Run, form: str, *arguments: str) -> bytes:
    done = CliRunner().invoke(cli, ["export", str(run.path), "--to", form, *arguments], catch_exceptions=False)
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


def test_patches_of_a_cluster_bear_its_verdict_as_the_page_tells_it(run: Run, tmp_path: Path) -> None:
    verdicts = {
        (label, one.cluster): "; ".join(one.verdict.words)
        for label in run.contents.labels
        for one in run.contents.clusters(label)
    }
    rows = json.loads(export(run, "json"))
    assert {one["verdict"] for one in rows if one["cluster"] in (None, -1)} == {None}
    told = {(one["label"], one["cluster"]): one["verdict"] for one in rows if one["verdict"]}
    assert told == verdicts
    assert told["c", 1] == "possible shortcut: look; from few images: look"
    for form in ("csv", "parquet"):
        out = tmp_path / f"patches.{form}"
        assert export(run, form, "--out", str(out)).decode().splitlines() == [str(out)]
        table = csv.read_csv(out) if form == "csv" else pq.read_table(out)
        assert [one or None for one in table["verdict"].to_pylist()] == [one["verdict"] for one in rows]


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


def test_coco_is_read_by_its_own_library(run: Run, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    target = tmp_path / "coco.json"
    export(run, "coco", "--out", str(target))
    coco = COCO(str(target))
    assert len(coco.getAnnIds()) == run.patches.num_rows
    (category,) = coco.getCatIds(catNms=["c/1"])
    found = coco.loadAnns(coco.getAnnIds(catIds=[category]))
    assert len(found) == sum((one["label"], one["cluster"]) == ("c", 1) for one in run.patches.to_pylist())
    scored = coco.loadRes([{key: one[key] for key in ("image_id", "category_id", "bbox", "score")} for one in found])
    assert len(scored.getAnnIds()) == len(found)


def boxes_of(run: Run) -> Counter[tuple[object, ...]]:
    """Path, class and box in pixels of every patch."""
    counted: Counter[tuple[object, ...]] = Counter()
    for one in run.patches.to_pylist():
        group = one["selection"] if one["cluster"] is None else "outliers" if one["cluster"] < 0 else one["cluster"]
        path = run.records[one["image_id"]].path
        counted[path, f"{one['label']}/{group}", one["x0"], one["y0"], one["x1"], one["y1"]] += 1
    return counted


def test_fiftyone_finds_the_pictures_and_boxes_as_shares_of_them(run: Run) -> None:
    told = json.loads(export(run, "fiftyone"))
    assert set(told) == {"classes", "labels"}
    sizes = {record.path: (record.width, record.height) for record in run.records.values()}
    of_uuid = {path.rpartition(".")[0]: path for path in sizes}
    found: Counter[tuple[object, ...]] = Counter()
    for uuid, detections in told["labels"].items():
        path = of_uuid[uuid]
        for one in detections:
            x, y, width, height = one["bounding_box"]
            assert 0 <= x < x + width <= 1
            assert 0 <= y < y + height <= 1
            across, down = sizes[path]
            corners = (x * across, y * down, (x + width) * across, (y + height) * down)
            found[path, told["classes"][one["label"]], *map(round, corners)] += 1
            assert isinstance(one["attributes"]["typicality"], float)
    assert found == boxes_of(run)


def test_label_studio_is_given_tasks_with_predictions_in_percent(run: Run) -> None:
    found: Counter[tuple[object, ...]] = Counter()
    ids = []
    for task in json.loads(export(run, "labelstudio")):
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        (path,) = parse_qs(address.query)["d"]
        (prediction,) = task["predictions"]
        assert prediction["model_version"].startswith("diffmine ")
        for region in prediction["result"]:
            assert (region["type"], region["from_name"], region["to_name"]) == ("rectanglelabels", "label", "image")
            across, down = region["original_width"], region["original_height"]
            value = region["value"]
            (name,) = value["rectanglelabels"]
            x, y = value["x"] * across / 100, value["y"] * down / 100
            corners = (x, y, x + value["width"] * across / 100, y + value["height"] * down / 100)
            found[path, name, *map(round, corners)] += 1
            ids.append(region["id"])
    assert found == boxes_of(run)
    assert len(set(ids)) == len(ids)


def test_embedding_atlas_is_given_crops_and_places(run: Run) -> None:
    table = pq.read_table(io.BytesIO(export(run, "embedding-atlas", "--label", "c")))
    assert table.num_rows == sum(one["label"] == "c" for one in run.patches.to_pylist())
    assert table.schema.field("projection_x").type == table.schema.field("projection_y").type == pa.float32()
    assert [field.name for field in table.schema.field("crop").type] == ["bytes", "path"]
    for one in table.slice(0, 3).to_pylist():
        crop = np.asarray(Image.open(io.BytesIO(one["crop"]["bytes"]), formats=["PNG"]))
        patch = run.picture(one["image_id"])[one["y0"] : one["y1"], one["x0"] : one["x1"]]
        assert crop.mean() == pytest.approx(patch.mean(), abs=3)
    own = np.stack([table["projection_x"], table["projection_y"]], axis=1)
    kinds = np.array(table["group"].to_pylist())
    spread = {name: own[kinds == name].std(axis=0).mean() for name in ("c/0", "c/1")}
    apart = np.linalg.norm(own[kinds == "c/0"].mean(axis=0) - own[kinds == "c/1"].mean(axis=0))
    assert apart > max(spread.values()), "clusters lie apart"


def test_show_exports_the_same(run: Run) -> None:
    done = CliRunner().invoke(cli, ["show", str(run.path), "--export", "csv"], catch_exceptions=False)
    assert done.stdout_bytes == export(run, "csv")


def test_out_is_for_exports_and_is_written_whole(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "patches.parquet"
    assert export(run, "parquet", "--out", str(target)).decode().splitlines() == [str(target)]
    assert pq.read_table(target).num_rows == run.patches.num_rows
    done = CliRunner().invoke(cli, ["show", str(run.path), "--out", str(target)])
    assert done.exit_code == 2
    assert "add --export" in done.output
