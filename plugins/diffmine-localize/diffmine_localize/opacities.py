"""Dataset ``opacities``: pictures built like chest X-rays, with opacities whose boxes are known."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import __version__
from pydantic import Field

from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, Preview, Progress
from diffmine.types import BoolArray, ImageRecord, Item
from diffmine_localize.published import BOXES, IMAGES, METADATA, ORIGINAL, SPELLED_OTHERWISE, cases, write_published

RENAMED = {other: finding for finding, other in SPELLED_OTHERWISE.items()}


class Opacities(Dataset):
    """Drawn pictures built like chest X-rays, with soft opacities of four findings whose boxes are known.

    A quarter show nothing; of the others a fifth show two findings. They are written in ChestX-ray14's published layout
    (``metadata.csv``, ``BBox_List_2017.csv``, ``images/``), and read from it. Nothing in them is medicine.
    """

    name = "opacities"

    class Config(DatasetConfig):
        """Options of ``opacities``."""

        pictures: int = Field(600, ge=1, le=1_000_000, description="pictures to draw")
        boxed: float = Field(0.25, ge=0, le=1, description="share of the pictures with findings that have boxes")
        size: int = Field(64, ge=16, le=2048, description="side of a picture in pixels")

    config: Config

    def fingerprint(self) -> str:
        """The version of the package that writes the pictures."""
        return f"Pillow {__version__}"

    def prepare(self, folder: Path, *, seed: int, progress: Progress) -> None:
        """Draw the pictures; those that are there already are kept."""
        options = self.config
        write_published(
            folder, pictures=options.pictures, boxed=options.boxed, size=options.size, seed=seed, progress=progress
        )

    def preview(self) -> Preview:
        """What is drawn of each finding with the seed 0; other seeds deal out otherwise."""
        counts = Counter(one for case in cases(self.config.pictures, 0, 0) for one in case.findings)
        return Preview(counts, self.config.size, self.config.size)

    def open(self, prepared: Path) -> ImageSource:
        return _Published(prepared, self.config.size)


class _Published(ImageSource):
    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size

    def scan(self) -> Iterator[Item]:
        for row in _rows(self._folder / METADATA):
            yield Item(f"{IMAGES}/{row['Image Index']}", tuple(row["Finding Labels"].split("|")))

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        return self.boxes(record)

    def boxes(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """Pixels whose centres lie in a box of the finding."""
        found: dict[str, BoolArray] = {}
        for finding, (left, top, width, height) in self._boxes.get(record.path, ()):
            centres = (np.arange(self._size) + 0.5) * ORIGINAL / self._size
            rows, columns = (
                (centres >= start) & (centres < start + length) for start, length in ((top, height), (left, width))
            )
            found[finding] = np.logical_or(found.get(finding, False), rows[:, None] & columns)
        return found

    @cached_property
    def _boxes(self) -> Mapping[str, list[tuple[str, tuple[float, ...]]]]:
        boxes: dict[str, list[tuple[str, tuple[float, ...]]]] = defaultdict(list)
        for row in _rows(self._folder / BOXES):
            finding = RENAMED.get(row["Finding Label"], row["Finding Label"])
            corners = tuple(float(row[name]) for name in ("Bbox [x", "y", "w", "h]"))
            boxes[f"{IMAGES}/{row['Image Index']}"].append((finding, corners))
        return boxes


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
