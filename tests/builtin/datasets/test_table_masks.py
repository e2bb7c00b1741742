"""Masks and boxes beside a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffmine.builtin.datasets.table import Table
from diffmine.interfaces import Dataset
from diffmine.testing.contracts.datasets import DatasetContract, record_of
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tables import table, write


class TestMaskFiles(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        root = tmp_path / "data"
        write(root / "index.csv", "id,label\n1,cat|dog\n2,dog\n3,dog\n")
        for number in (1, 2, 3):
            pixels, mask = toy_picture(0, 1, 24, 0, number)
            for path, image in (("pictures/{}.jpg", pixels), ("masks/dog/{}.png", mask), ("masks/cat/{}.png", ~mask)):
                if number < 3 or "pictures" in path:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(image).save(root / path.format(number))
        return table(root, image="pictures/{id}.jpg", separator="|", masks="masks/{label}/{id}.png", keep_columns=[])

    def test_a_file_for_each_label(self, dataset: Table) -> None:
        source = dataset.open(Path())
        items = {item.path: item for item in source.scan()}
        masks = source.masks(record_of(items["pictures/1.jpg"], source))
        assert set(masks) == {"cat", "dog"}
        assert np.array_equal(masks["dog"], toy_picture(0, 1, 24, 0, 1)[1])
        assert np.array_equal(masks["dog"], ~masks["cat"])
        assert source.masks(record_of(items["pictures/3.jpg"], source)) == {}

    def test_shuffled_labels_do_not_move_masks(self, dataset: Table) -> None:
        source = dataset.open(Path())
        items = {item.path: item for item in source.scan()}
        record = record_of(items["pictures/2.jpg"], source)
        shuffled = replace(record, labels=("cat",), columns=items["pictures/1.jpg"].columns)
        assert np.array_equal(source.masks(shuffled)["dog"], toy_picture(0, 1, 24, 0, 2)[1])


def test_boxes_by_their_corners_on_a_turned_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown upright
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.jpg", exif=exif)
    write(tmp_path / "index.csv", "file,label\na.jpg,cat\n")
    write(tmp_path / "boxes.csv", "file,what,x0,y0,x1,y1\na.jpg,cat,2,30,12,36\na.jpg,cat,-5,-5,1,1\n")
    boxes = {"index": "boxes.csv", "label": "what", "columns": ["x0", "y0", "x1", "y1"], "format": "xyxy"}
    source = table(tmp_path, boxes=boxes).open(tmp_path)
    (item,) = source.scan()
    expected = np.zeros((40, 20), dtype=bool)
    expected[30:36, 2:12] = True
    expected[:1, :1] = True
    assert np.array_equal(source.masks(record_of(item, source))["cat"], expected)
