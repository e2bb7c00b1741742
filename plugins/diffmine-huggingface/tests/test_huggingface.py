"""Datasets that the library wrote as Parquet, or reads as a folder of pictures; and what it saves, for `arrow`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import pytest
from diffmine_huggingface.dataset import HuggingFace
from PIL import Image

import diffmine
from diffmine.builtin.datasets.arrow import Arrow
from diffmine.errors import RecipeError
from diffmine.interfaces import Dataset
from diffmine.testing.contracts.datasets import DatasetContract
from diffmine.testing.tiny_recipe import write_tiny_recipe


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 12), (value, 0, 255 - value)).save(file, "png")
    return file.getvalue()


def rows(labels: Any = (0, 1, 1, -1), kind: Any = None, **columns: Any) -> datasets.Dataset:
    pictures = [{"bytes": png(10 * at), "path": f"somewhere/{at}.png"} for at in range(len(labels))]
    kinds = {"image": datasets.Image(), "label": kind or datasets.ClassLabel(names=["owl", "wren"])}
    values = {"image": pictures, "label": list(labels)} | columns
    kinds |= {name: datasets.Value("string" if isinstance(of[0], str) else "int64") for name, of in columns.items()}
    return datasets.Dataset.from_dict(values, features=datasets.Features(kinds))


def write(dataset: datasets.Dataset, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    dataset.to_parquet(folder / "train-00000-of-00001.parquet")


def dataset(path: Path, **options: object) -> HuggingFace:
    return HuggingFace(HuggingFace.Config.model_validate({"path": str(path), **options}))


def listing(path: Path, **options: object) -> dict[str, tuple[str, ...]]:
    return {item.path: item.labels for item in dataset(path, **options).open(Path()).scan()}


class TestHuggingFace(DatasetContract):
    unusable = frozenset({"00000004/4.png"})

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        made = rows(labels=(0, 1, 1, -1, 0), place=["a", "b", "c", "d", "e"])
        broken = [*made.cast_column("image", datasets.Image(decode=False))["image"]]
        broken[4] = {"bytes": b"no picture", "path": "4.png"}
        made = made.remove_columns("image").add_column("image", broken).cast_column("image", datasets.Image())
        write(made, tmp_path / "saved")
        return dataset(tmp_path / "saved")


LISTED = {"00000000/0.png": ("owl",), "00000001/1.png": ("wren",), "00000002/2.png": ("wren",)}


def test_class_labels_get_their_names_and_what_is_not_labelled_is_passed_over(tmp_path: Path) -> None:
    write(rows(year=[1, 2, 3, 4]), tmp_path / "one")
    assert listing(tmp_path / "one") == LISTED
    first = next(iter(dataset(tmp_path / "one").open(Path()).scan()))
    assert first.columns == {"year": "1"}
    assert dataset(tmp_path / "one").open(Path()).read(first.path) == png(0)


@pytest.mark.parametrize(
    ("kind", "labels", "found"),
    [
        (datasets.Value("string"), ["owl ", "wren"], [("owl",), ("wren",)]),
        (datasets.Value("int64"), [1990, 2000], [("1990",), ("2000",)]),
        (datasets.List(datasets.ClassLabel(names=["owl", "wren"])), [[0, 1, 0], []], [("owl", "wren")]),
        (datasets.List(datasets.Value("string")), [["a", "b"], ["c"]], [("a", "b"), ("c",)]),
    ],
)
def test_kinds_of_labels(tmp_path: Path, kind: Any, labels: list[Any], found: list[tuple[str, ...]]) -> None:
    write(rows(labels, kind), tmp_path / "one")
    assert list(listing(tmp_path / "one").values()) == found


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (None, (0, 1, 1, -1)),
        (datasets.Value("string"), ("owl", "wren", "owl", "")),
        (datasets.List(datasets.ClassLabel(names=["owl", "wren"])), ([0, 1], [1], [], [0])),
    ],
)
def test_what_was_saved_to_disk_is_for_arrow_which_reads_the_same_of_it(tmp_path: Path, kind: Any, labels: Any) -> None:
    made = rows(labels, kind, year=[1, 2, 3, 4])
    write(made, tmp_path / "parquet")
    made.save_to_disk(tmp_path / "saved")
    with pytest.raises(RecipeError, match=r'was saved to disk: set use = "arrow" and path = ".*saved"'):
        listing(tmp_path / "saved")
    datasets.DatasetDict(train=made, test=made.select([1])).save_to_disk(tmp_path / "parts")
    with pytest.raises(RecipeError, match=r'set use = "arrow" and path = ".*parts/test"'):
        listing(tmp_path / "parts", split="test")
    found = dataset(tmp_path / "parquet").open(Path())
    arrow = Arrow(Arrow.Config.model_validate({"path": tmp_path / "saved"})).open(Path())
    here, there = list(found.scan()), list(arrow.scan())
    assert [(one.labels, one.columns) for one in here] == [(one.labels, one.columns) for one in there]
    assert [found.read(one.path) for one in here] == [arrow.read(one.path) for one in there]


def test_parquet_and_folders_of_pictures(tmp_path: Path) -> None:
    write(rows(), tmp_path / "parquet")
    assert listing(tmp_path / "parquet") == LISTED
    for at, label in enumerate(("owl", "wren")):
        path = tmp_path / "pictures" / label / f"{at}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(png(at))
    assert listing(tmp_path / "pictures") == {"00000000/0.png": ("owl",), "00000001/1.png": ("wren",)}
    assert dataset(tmp_path / "pictures").open(Path()).read("00000001/1.png") == png(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "species"}, "label = 'species': there is no such column; there are image, label"),
        ({"image": "label"}, "image = 'label' is no column of pictures; there are image, label"),
        ({"split": "dev", "path": "pictures"}, "path = '.*pictures', split = 'dev' cannot be loaded"),
    ],
)
def test_what_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Mapping[str, object], message: str
) -> None:
    write(rows(), tmp_path / "one")
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=message):
        listing(**{"path": tmp_path / "one", **options})  # type: ignore[arg-type]


def test_its_fingerprint_follows_the_files(tmp_path: Path) -> None:
    write(rows(), tmp_path / "one")
    before = dataset(tmp_path / "one").fingerprint()
    assert dataset(tmp_path / "one").fingerprint() == before
    write(rows(labels=(1, 1, 0, 0)), tmp_path / "one")
    assert dataset(tmp_path / "one").fingerprint() != before


def test_a_run_mines_it(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    pictures = diffmine.run(recipe, out=tmp_path / "first", until="images")
    columns: dict[str, list[Any]] = {"image": [], "label": []}
    for record in pictures.records.values():
        file = io.BytesIO()
        Image.fromarray(pictures.picture(record.image_id)).save(file, "png")
        columns["image"].append({"bytes": file.getvalue(), "path": record.path})
        columns["label"].append(record.labels[0])
    made = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    write(made, tmp_path / "saved")
    text = recipe.read_text()
    start, end = text.index("[dataset]"), text.index("[", text.index("[dataset]") + 1)
    table = f'[dataset]\nuse = "huggingface"\npath = "{tmp_path / "saved"}"\nholdout = 0.25\n\n'
    recipe.write_text(text[:start] + table + text[end:])
    run = diffmine.run(recipe, out=tmp_path / "run", until="patches")
    assert run.labels == pictures.labels
    assert run.selected_patches.num_rows
