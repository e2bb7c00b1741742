"""The layouts in which the paper's datasets are published."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from diffmine.builtin.datasets.folder import Folder
from diffmine.builtin.datasets.table import Table
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import Dataset, ImageSource
from diffmine.testing.contracts.datasets import DatasetContract, record_of
from diffmine.testing.published_layouts import write_cardb, write_ftt, write_g3, write_places, write_xray
from diffmine.types import Item

CARDB = {"index": "train.json", "image": "train/{key}", "label": "year", "bin": 10}
G3 = {"index": "metadata.csv", "image": "images/{id}/{angle}.jpg", "label": "country", "exclude": "exclude.json"}
PLACES = {
    "index": "places365_val.txt",
    "columns": ["path", "category"],
    "image": "images/{path}",
    "label": "category",
    "label_names": "categories_places365.txt",
    "label_pattern": "^/./(.+)$",
}
XRAY = {
    "index": "metadata.csv",
    "image": "images/{Image Index}",
    "label": "Finding Labels",
    "separator": "|",
    "boxes": {
        "index": "BBox_List_2017.csv",
        "label": "Finding Label",
        "columns": ["Bbox [x", "y", "w", "h]"],
        "original_size": 1024,
        "rename": {"Infiltrate": "Infiltration"},
    },
}


def table(root: Path, options: dict[str, object], **further: object) -> Table:
    return Table(Table.Config.model_validate({"path": root, **options, **further}))


def items_of(source: ImageSource) -> dict[str, Item]:
    return {item.path: item for item in source.scan()}


class TestCarDB(DatasetContract):
    unusable = frozenset({"train/car 1938 0.jpg"})

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return table(write_cardb(tmp_path / "cardb"), CARDB)

    def test_decades(self, source: ImageSource) -> None:
        counts = Counter(item.labels for item in source.scan())
        assert counts == {("1930",): 3, ("1970",): 9, ("1980",): 3}


class TestFTT(DatasetContract):
    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return Folder(Folder.Config(path=write_ftt(tmp_path / "ftt")))

    def test_decades(self, source: ImageSource) -> None:
        assert Counter(item.labels for item in source.scan()) == {("1950",): 4, ("1960",): 4, ("1970",): 4}


@pytest.mark.filterwarnings("ignore:1 rows:diffmine.errors.DiffmineWarning")
class TestG3(DatasetContract):
    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return table(write_g3(tmp_path / "g3"), G3)

    def test_countries_and_angles(self, source: ImageSource) -> None:
        with pytest.warns(DiffmineWarning, match=r"1 rows of .* no picture that fits images/\{id\}/\{angle\}\.jpg"):
            items = items_of(source)
        assert set(items) == {
            *(f"images/a1/{angle}.jpg" for angle in (45, 135, 315)),
            *(f"images/a 2/{angle}.jpg" for angle in (45, 135)),
            *(f"images/a3/{angle}.jpg" for angle in (45, 135, 225, 315)),
        }
        assert items["images/a 2/45.jpg"].labels == ("Japan",)
        assert items["images/a 2/45.jpg"].columns["region"] == "Asia"
        assert items["images/a 2/45.jpg"].columns["angle"] == "45"
        assert items["images/a 2/45.jpg"].columns["city"] == "Some, City"


class TestG3WithAngles(DatasetContract):
    unusable = frozenset(
        {f"images/a4/{angle}.jpg" for angle in (45, 135, 225, 315)}
        | {f"images/a 2/{angle}.jpg" for angle in (225, 315)}
    )

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return table(write_g3(tmp_path / "g3"), G3, values={"angle": [45, 135, 225, 315]})

    def test_missing_angles_are_listed(self, source: ImageSource) -> None:
        assert len(items_of(source)) == 15


class TestPlaces(DatasetContract):
    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return table(write_places(tmp_path / "places"), PLACES)

    def test_categories(self, source: ImageSource) -> None:
        counts = Counter(item.labels for item in source.scan())
        assert counts == {("airfield",): 3, ("apartment_building/outdoor",): 3, ("beach",): 3}


class TestXray(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        return table(write_xray(tmp_path / "xray"), XRAY)

    def test_findings(self, source: ImageSource) -> None:
        items = items_of(source)
        assert items["images/00000000_000.png"].labels == ("Atelectasis", "Infiltration")
        assert items["images/00000001_000.png"].labels == ("No Finding",)
        assert items["images/00000001_000.png"].columns["Patient ID"] == "1"

    def test_boxes_in_pixels_of_the_picture(self, source: ImageSource) -> None:
        items = items_of(source)
        masks = source.masks(record_of(items["images/00000000_000.png"], source))
        assert set(masks) == {"Atelectasis", "Infiltration"}
        expected = np.zeros((32, 32), dtype=bool)
        expected[16:24, 8:24] = True
        assert np.array_equal(masks["Atelectasis"], expected)
        assert masks["Infiltration"].sum() == 16
        corner = source.masks(record_of(items["images/00000003_000.png"], source))["Atelectasis"]
        assert corner[28:, 28:].all()
        assert corner.sum() == 16
        assert source.masks(record_of(items["images/00000002_000.png"], source)) == {}
