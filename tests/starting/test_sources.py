"""Labelled pictures as other tools keep them: each is found, and read as the plain folders are."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

import diffmine
from diffmine.commands.cli import cli
from diffmine.errors import DataError, RecipeError
from diffmine.recipes.reading import load_recipe
from diffmine.starting.sources import find_source
from diffmine.starting.start import start

LABELS = ("boat", "cat")


def pictures(folder: Path) -> list[tuple[Path, str]]:
    """Five pictures of each label, in folders of their own; path and label of each."""
    found = []
    for place, label in enumerate(LABELS):
        for number in range(5):
            path = folder / label / f"{label}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(10 * place + number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((64, 64), Image.Resampling.NEAREST).save(path)
            found.append((path, label))
    return found


def as_folders(place: Path) -> Path:
    pictures(place / "set")
    return place / "set"


def as_splits(place: Path) -> Path:
    pictures(place / "set" / "train")
    for label in LABELS:
        (place / "set" / "test" / label).mkdir(parents=True)
        shutil.move(place / "set" / "train" / label / f"{label}0.png", place / "set" / "test" / label)
    return place / "set"


def as_visdiff(place: Path) -> Path:
    rows = [(path.relative_to(place).as_posix(), label) for path, label in pictures(place / "data")]
    with (place / "set.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "group_name"), *rows])
    return place / "set.csv"


def as_absolute_parquet(place: Path) -> Path:
    rows = [{"file_name": str(path), "class": label} for path, label in pictures(place / "data")]
    (place / "tables").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), place / "tables" / "set.parquet")
    return place / "tables" / "set.parquet"


def as_image_folder(place: Path) -> Path:
    folder = place / "set" / "train"
    rows = [
        {"file_name": path.relative_to(folder).as_posix(), "label": label, "width": 64}
        for path, label in pictures(folder)
    ]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return place / "set"


def as_fiftyone(place: Path, told: Callable[[str], object] = LABELS.index) -> Path:
    (place / "set" / "data").mkdir(parents=True)
    labels = {}
    for path, label in pictures(place / "data"):
        shutil.move(path, place / "set" / "data")
        labels[path.stem] = told(label)
    labels["unlabelled"] = None
    content = {"classes": list(LABELS), "labels": labels}
    (place / "set" / "labels.json").write_text(json.dumps(content))
    return place / "set"


def as_fiftyone_with_confidence(place: Path) -> Path:
    return as_fiftyone(place, lambda label: {"label": label, "confidence": 0.9})


def as_saved_dataset(place: Path, folder: str = "set") -> Path:
    """As ``Dataset.save_to_disk`` of datasets 5.2 writes: the pictures in two files, one of them not labelled."""
    rows = [
        {"image": {"bytes": path.read_bytes(), "path": path.name}, "label": LABELS.index(label)}
        for path, label in pictures(place / "data")
    ]
    (place / folder).mkdir(parents=True)
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.Table.from_pylist(
        [*rows, {**rows[0], "label": -1}], schema=pa.schema([("image", cell), ("label", pa.int64())])
    )
    names = [f"data-0000{number}-of-00002.arrow" for number in range(2)]
    for name, part in zip(names, (table.slice(0, 4), table.slice(4)), strict=True):
        with pa.ipc.new_stream(place / folder / name, table.schema) as stream:
            stream.write_table(part)
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(LABELS)}}
    (place / folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (place / folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return place / "set"


def as_saved_splits(place: Path) -> Path:
    as_saved_dataset(place, "set/train")
    (place / "set" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    return place / "set"


KINDS = (
    as_folders,
    as_splits,
    as_visdiff,
    as_absolute_parquet,
    as_image_folder,
    as_fiftyone,
    as_fiftyone_with_confidence,
    as_saved_dataset,
    as_saved_splits,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_gives_the_same_pictures(kind: Callable[[Path], Path], tmp_path: Path) -> None:
    started = start(kind(tmp_path), out=tmp_path / "set.toml")
    assert dict(started.survey.counts) == dict.fromkeys(LABELS, 5)
    assert started.survey.unreadable == []
    run = diffmine.run(started.recipe, out=tmp_path / "run", store=tmp_path / "store", until="images")
    seen = {run.picture(one).tobytes(): record.labels for one, record in run.records.items()}
    drawn = {np.asarray(Image.open(path)).tobytes(): (label,) for path, label in pictures(tmp_path / "again")}
    assert seen == drawn


def test_a_column_is_named_where_it_cannot_be_told(tmp_path: Path) -> None:
    with (tmp_path / "set.csv").open("w", newline="") as file:
        rows = [(str(path), label, label[::-1]) for path, label in pictures(tmp_path / "data")]
        csv.writer(file).writerows([("photo", "town", "country"), *rows])
    table = tmp_path / "set.csv"
    with pytest.raises(RecipeError, match="--image: photo, town, country"):
        find_source(table)
    with pytest.raises(RecipeError, match="--label: photo, town, country"):
        find_source(table, image="photo")
    with pytest.raises(RecipeError, match="no column 'towns'"):
        find_source(table, image="photo", label="towns")
    assert set(start(table, out=tmp_path / "a.toml", image="photo", label="country").survey.counts) == {"taob", "tac"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("set.csv", "", "no column"),
        ("set.csv", "path,group_name\nnowhere.png,a\n", "neither beside the table"),
        ("set.jsonl", "[1]\n", "no objects"),
        ("set.txt", "a b\n", "must end in"),
        ("set/dataset_dict.json", "{}", "no splits"),
        ("set/labels.json", "[]", "no export"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "set" / "data").mkdir(parents=True)
    (tmp_path / name).write_text(content)
    with pytest.raises((RecipeError, DataError), match=said):
        find_source(tmp_path / name.split("/")[0])


def test_running_pictures_writes_their_recipe_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIFFMINE_STORE", str(tmp_path / "store"))
    as_folders(tmp_path)
    command = ["run", "set", "--until", "images", "--json"]
    first = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert f"recipe   {tmp_path / 'set.toml'}, written for set (a folder for each label)" in first.stderr
    assert "'boat', 'cat'; little can be learned" in first.stderr
    assert json.loads(first.stdout)["name"] == "set"
    recipe = tmp_path / "set.toml"
    recipe.write_text(recipe.read_text().replace("seed = 1", "seed = 5"))
    again = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert "written before" in again.stderr
    assert load_recipe(tmp_path / "runs" / "set" / "recipe.toml").header.seed == 5

    pictures(tmp_path / "other" / "set")
    for path, said in (("other/set", "for other pictures than other/set"), ("runs/set", "is a run folder")):
        with pytest.raises(RecipeError, match=said):
            CliRunner().invoke(cli, ["run", path], catch_exceptions=False)
