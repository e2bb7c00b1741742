"""What every dataset keeps."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from diffmine.errors import PictureError
from diffmine.interfaces import Dataset, ImageSource, Progress
from diffmine.pictures.decoding import open_upright
from diffmine.types import ImageRecord, Item


def record_of(item: Item, source: ImageSource) -> ImageRecord:
    """The record that a run makes of an item, at the size as stored."""
    data = source.read(item.path)
    digest = hashlib.sha256(data).hexdigest()
    width, height = open_upright(data).size
    return ImageRecord(digest[:20], item.path, item.labels, width, height, digest, "train", item.columns)


def listed_paths(dataset: Dataset, prepared: Path) -> list[str]:
    """What a worker sees that is sent the dataset."""
    return [item.path for item in dataset.open(prepared).scan()]


class DatasetContract:
    """Subclass this and return your dataset, over a few pictures of at least two labels, from a fixture ``dataset``.

    Attributes:
        unusable: paths of pictures that cannot be read or decoded, as the dataset lists them.
        has_masks: whether some picture has a mask with an element.
    """

    unusable: frozenset[str] = frozenset()
    has_masks = False

    @pytest.fixture
    def prepared(self, dataset: Dataset, tmp_path: Path) -> Path:
        folder = tmp_path / "prepared by the contract"
        folder.mkdir()
        dataset.prepare(folder, seed=1, progress=Progress())
        return folder

    @pytest.fixture
    def source(self, dataset: Dataset, prepared: Path) -> ImageSource:
        return dataset.open(prepared)

    def usable(self, source: ImageSource) -> list[Item]:
        """The items that can be decoded."""
        return [item for item in source.scan() if item.path not in self.unusable]

    def test_items_have_labels_and_unique_relative_paths(self, source: ImageSource) -> None:
        items = list(source.scan())
        assert len({label for item in items for label in item.labels}) >= 2
        assert len({item.path for item in items}) == len(items)
        for item in items:
            path = PurePosixPath(item.path)
            assert str(path) == item.path, "forward slashes, nothing to simplify"
            assert not path.is_absolute()
            assert ".." not in path.parts
            assert item.labels
            assert len(set(item.labels)) == len(item.labels)
            assert all(isinstance(text, str) and text for text in item.labels)
            assert all(isinstance(text, str) for pair in item.columns.items() for text in pair)

    def test_every_scan_lists_the_same(self, source: ImageSource) -> None:
        def listing() -> list[Item]:
            return sorted(source.scan(), key=lambda item: item.path)

        assert listing() == listing()

    def test_pictures_decode(self, source: ImageSource) -> None:
        for item in self.usable(source):
            open_upright(source.read(item.path))

    def test_unusable_pictures_are_listed_and_fail_when_opened(self, source: ImageSource) -> None:
        listed = {item.path for item in source.scan()}
        for path in self.unusable:
            assert path in listed, "a run tells of pictures that it skips, so they are listed"
            with pytest.raises((OSError, PictureError)):
                open_upright(source.read(path))

    def test_an_unknown_path_is_an_os_error(self, source: ImageSource) -> None:
        with pytest.raises(OSError):  # noqa: PT011 - any of its kinds
            source.read("no/such/picture.png")

    def test_masks_fit_their_pictures(self, source: ImageSource) -> None:
        marked = 0
        for item in self.usable(source):
            record = record_of(item, source)
            for label, mask in source.masks(record).items():
                assert isinstance(label, str)
                assert mask.shape == (record.height, record.width)
                assert mask.dtype == np.bool_
                marked += bool(mask.any())
        assert (marked > 0) == self.has_masks

    def test_preparing_again_changes_nothing(self, dataset: Dataset, prepared: Path) -> None:
        def contents() -> dict[str, bytes]:
            return {str(path): path.read_bytes() for path in prepared.rglob("*") if path.is_file()}

        before = contents()
        dataset.prepare(prepared, seed=1, progress=Progress())
        assert contents() == before

    def test_another_process_sees_the_same(self, dataset: Dataset, prepared: Path) -> None:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            there = pool.submit(listed_paths, dataset, prepared).result()
        assert there == listed_paths(dataset, prepared)

    def test_its_recipe_table_makes_it_again(self, dataset: Dataset) -> None:
        table = dataset.describe()
        assert table.pop("use") == dataset.use
        again = type(dataset)(type(dataset).Config.model_validate(table))
        assert again.config == dataset.config
        assert json.dumps(again.identity(), sort_keys=True) == json.dumps(dataset.identity(), sort_keys=True)

    def test_options_are_described(self, dataset: Dataset) -> None:
        assert dataset.summary()
        undescribed = [name for name, field in type(dataset.config).model_fields.items() if not field.description]
        assert not undescribed
