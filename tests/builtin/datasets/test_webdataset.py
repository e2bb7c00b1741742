"""Tar files, as the webdataset package's own writer would leave them: plain tars, a sample's files side by side."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffmine.builtin.datasets.webdataset import WebDataset
from diffmine.errors import DataError, DiffmineWarning, RecipeError
from diffmine.interfaces import Dataset, ImageSource
from diffmine.testing.contracts.datasets import DatasetContract, record_of

Files = Iterable[tuple[str, bytes]]


def png(value: int, size: tuple[int, int] = (16, 12)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (value, 0, 255 - value)).save(file, "png")
    return file.getvalue()


def write_tar(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def sample(key: str, label: str, value: int) -> Files:
    described = {"country": "Ghana", "where": {"region": "Volta"}, "year": 1975, "tags": ["a", "b"]}
    yield f"{key}.cls", label.encode()
    yield f"{key}.json", json.dumps(described).encode()
    yield f"{key}.png", png(value)


def dataset(path: Path, **options: object) -> WebDataset:
    return WebDataset(WebDataset.Config.model_validate({"path": path, **options}))


def source(path: Path, **options: object) -> ImageSource:
    return dataset(path, **options).open(path)


def labels(path: Path, **options: object) -> dict[str, tuple[str, ...]]:
    return {item.path: item.labels for item in source(path, **options).scan()}


class TestWebDataset(DatasetContract):
    has_masks = True
    unusable = frozenset({"train-1.tar/deep/er/7.jpg"})

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        mask = io.BytesIO()
        Image.fromarray((np.indices((12, 16)).sum(axis=0) % 2).astype(np.uint8) * 255).save(mask, "png")
        marked = [*sample("0", "owl", 9), ("0.seg.png", mask.getvalue())]
        write_tar(tmp_path / "tars" / "train-0.tar", [*marked, *sample("./1", "wren", 1)])
        write_tar(
            tmp_path / "tars" / "train-1.tar",
            [*sample("deep/er/6", "owl", 3), ("deep/er/7.jpg", b"no picture"), ("deep/er/7.cls", b"wren")],
        )
        return dataset(tmp_path / "tars", masks="seg.png")


def test_samples_become_items_with_the_plain_fields_as_columns(tmp_path: Path) -> None:
    write_tar(tmp_path / "a" / "0.tar", sample("x/000", "owl", 5))
    (item,) = source(tmp_path, shards="**/*.tar").scan()
    assert (item.path, item.labels) == ("a/0.tar/x/000.png", ("owl",))
    assert item.columns == {"country": "Ghana", "year": "1975"}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ("owl|wren",)),
        ({"separator": "|"}, ("owl", "wren")),
        ({"label": "json.country"}, ("Ghana",)),
        ({"label": "json.where.region"}, ("Volta",)),
        ({"label": "json.tags"}, ("a", "b")),
    ],
)
def test_where_labels_come_from(tmp_path: Path, options: Mapping[str, object], found: tuple[str, ...]) -> None:
    write_tar(tmp_path / "0.tar", sample("0", "owl|wren", 5))
    assert labels(tmp_path, **options) == {"0.tar/0.png": found}


def test_ids_are_looked_up(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('{"0": "owl", "1": "wren"}')
    write_tar(tmp_path / "0.tar", [*sample("0", "1\n", 5), *sample("1", "0", 6)])
    found = labels(tmp_path, label_names=tmp_path / "names.json")
    assert found == {"0.tar/0.png": ("wren",), "0.tar/1.png": ("owl",)}


def test_what_lacks_a_picture_or_a_label_is_left_out_with_a_warning(tmp_path: Path) -> None:
    files = [*sample("0", "owl", 5), ("1.png", png(3)), ("2.cls", b"owl"), ("3.txt", b""), ("../4.png", png(4))]
    write_tar(tmp_path / "0.tar", files)
    with pytest.warns(DiffmineWarning, match=r"3 samples in .* were left out.*look at \[dataset\] label"):
        assert list(labels(tmp_path)) == ["0.tar/0.png"]


def test_a_truncated_tar_gives_what_comes_before(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "0.tar", [*sample("0", "owl", 5), *sample("1", "wren", 6)])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"1.json") + 40])
    with pytest.warns(DiffmineWarning, match=r"0\.tar is damaged after 4 files"):
        assert list(labels(tmp_path))[:1] == ["0.tar/0.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": "*.tgz"}, "shards = '*.tgz': no file of .* fits"),
        ({"path": "nowhere"}, r"path: .*nowhere does not exist"),
    ],
)
def test_options_that_fit_nothing(tmp_path: Path, options: Mapping[str, object], message: str) -> None:
    write_tar(tmp_path / "0.tar", sample("0", "owl", 5))
    with pytest.raises(RecipeError, match=message.replace("*.tgz", r"\*\.tgz")):
        dataset(**{"path": tmp_path, **options}).fingerprint()  # type: ignore[arg-type]


def test_a_compressed_tar_is_told_of(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("0.png"))
    with pytest.warns(DiffmineWarning, match=r"0\.tar is damaged after 0 files"):
        assert not labels(tmp_path)


@pytest.mark.parametrize(
    ("member", "message"), [(b"\xff\xfe\x00", "no text in UTF-8"), (b"{", "0.tar/0"), (b"[]", "no mapping")]
)
def test_a_damaged_description_is_named(tmp_path: Path, member: bytes, message: str) -> None:
    write_tar(tmp_path / "0.tar", [("0.png", png(1)), ("0.json", member), ("0.cls", b"owl")])
    with pytest.raises(DataError, match=message):
        labels(tmp_path)


def test_a_mask_is_that_of_the_stored_label_whatever_the_record_says(tmp_path: Path) -> None:
    write_tar(tmp_path / "0.tar", [*sample("0", "owl", 9), ("0.seg.png", png(255))])
    opened = source(tmp_path, masks="seg.png")
    (item,) = opened.scan()
    record = record_of(replace(item, labels=("wren",)), opened)
    assert list(opened.masks(record)) == ["owl"]
