"""Toy pictures in the layouts in which the paper's datasets are published, odd parts included.

Those of CarDB, G3 and Places have several shapes; those of FTT and ChestX-ray14 are squares of side ``size``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from diffmine.testing.toy_pictures import toy_picture

ANGLES = (45, 135, 225, 315)
SHAPES = ((1.0, 1.0), (2.0, 1.5), (1.25, 2.0))
"""(width, height) of one picture after the other, as multiples of ``size``."""
FINDINGS = (
    "Atelectasis|Infiltration",
    "No Finding",
    "Infiltration",
    "Atelectasis",
    "No Finding",
    "Atelectasis",
    "Pleural_Thickening|Infiltration",
)


def write_cardb(root: Path, size: int = 32) -> Path:
    """``train/*.jpg`` and ``train.json``: file name -> year. Years of three decades; one picture is missing."""
    years = {f"car {year} {number}.jpg": year for year in (1938, 1971, 1975, 1979, 1980) for number in range(3)}
    for number, (name, year) in enumerate(years.items()):
        if number:
            _draw(root / "train" / name, year // 10, number, *_shape(number, size))
    _json(root / "train.json", {name: {"year": year, "model": "Ford"} for name, year in years.items()})
    return root


def write_ftt(root: Path, size: int = 32) -> Path:
    """A folder a decade."""
    for decade in range(1950, 1980, 10):
        for number in range(4):
            _draw(root / str(decade) / f"{number}.png", decade // 10, number, size, size)
    return root


def write_g3(root: Path, size: int = 32) -> Path:
    """``metadata.csv``, ``images/ID/ANGLE.jpg`` and ``exclude.json``.

    The folder of one place is missing, another lacks two angles, one picture is excluded, one country is empty.
    """
    places = [("a1", "France", "Europe"), ("a 2", "Japan", "Asia"), ("a3", "France", "Europe"), ("a4", "Japan", "Asia")]
    header = ("id", "country", "region", "sub-region", "city", "latitude", "longitude")
    rows = [(*place, f"sub {place[2]}", "Some, City", 1.5, -2) for place in places]
    _csv(root / "metadata.csv", [header, *rows, ("a5", "", "", "", "", "", "")])
    for key, _, region in places[:3]:
        for number, angle in enumerate(ANGLES[: 2 if key == "a 2" else 4]):
            _draw(
                root / "images" / key / f"{angle}.jpg", len(region), number + 10 * int(key[-1]), *_shape(number, size)
            )
    _json(root / "exclude.json", ["a1/225.jpg"])
    return root


def write_places(root: Path, size: int = 32) -> Path:
    """``places365_val.txt`` (path, category id, no header), ``categories_places365.txt`` and ``images/``; and for
    training ``places365_train_standard.txt`` and ``data_large/``.
    """
    names = ("/a/airfield", "/a/apartment_building/outdoor", "/b/beach")
    _lines(root / "categories_places365.txt", (f"{name} {number}" for number, name in enumerate(names)))
    lines = []
    for number in range(9):
        name = f"Places365_val_{number + 1:08d}.jpg"
        _draw(root / "images" / name, number % 3, number, *_shape(number // 3, size))
        lines.append(f"{name} {number % 3}")
    _lines(root / "places365_val.txt", lines)
    train = [(f"{name}/{number + 1:08d}.jpg", label) for label, name in enumerate(names) for number in range(4)]
    for number, (path, label) in enumerate(train):
        _draw(root / f"data_large{path}", label, 50 + number, *_shape(number, size))
    _lines(root / "places365_train_standard.txt", (f"{path} {label}" for path, label in train))
    return root


def write_xray(root: Path, size: int = 32) -> Path:
    """``metadata.csv`` with several findings a picture, ``images/``, ``BBox_List_2017.csv``, ``train_val_list.txt``.

    Boxes are in pixels of the 1024 px originals, their table has unnamed columns and spells one finding otherwise.
    """
    names = [f"0000000{number}_000.png" for number in range(len(FINDINGS))]
    rows = [
        (name, finding, "0", str(number), "")
        for number, (name, finding) in enumerate(zip(names, FINDINGS, strict=True))
    ]
    _csv(root / "metadata.csv", [("Image Index", "Finding Labels", "Follow-up #", "Patient ID", ""), *rows])
    for number, name in enumerate(names):
        _draw(root / "images" / name, number % 3, number, size, size)
    boxes = [
        (names[0], "Atelectasis", 256.0, 512.0, 512.0, 256.0, "", "", ""),
        (names[0], "Infiltrate", 0, 0, 128, 128, "", "", ""),
        (names[3], "Atelectasis", 900.5, 900.5, 123.5, 123.5, "", "", ""),
    ]
    header = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
    _csv(root / "BBox_List_2017.csv", [header, *boxes])
    _lines(root / "train_val_list.txt", (names[number] for number in (1, 2, 5, 6)))
    return root


def _shape(number: int, size: int) -> tuple[int, int]:
    width, height = SHAPES[number % len(SHAPES)]
    return round(width * size), round(height * size)


def _draw(path: Path, position: int, number: int, width: int, height: int) -> None:
    """A square toy picture, stretched to the shape."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels, _ = toy_picture(position % 4, 4, max(width, height), 0, 100 * position + number)
    Image.fromarray(pixels).resize((width, height)).save(path, quality=95)


def _csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
