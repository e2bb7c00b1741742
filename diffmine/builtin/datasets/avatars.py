"""Dataset ``avatars``: drawn faces whose typical elements are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import Field, field_validator

from diffmine.builtin.datasets.avatar_drawing import ELEMENTS, PACKAGES
from diffmine.builtin.datasets.avatar_worker import MASKS, Order, draw_all, picture_path
from diffmine.errors import DataError
from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, Preview, Progress
from diffmine.types import BoolArray, ImageRecord, Item


class Avatars(Dataset):
    """Drawn faces of six towns; each town makes one element frequent, and its exact mask is known.

    The elements are listed in ``diffmine.builtin.datasets.avatar_drawing.ELEMENTS``. Moustaches and sunglasses are
    common to all towns; hair, skin, clothes, expression and background are random.
    """

    name = "avatars"
    version = 2

    class Config(DatasetConfig):
        """Options of ``avatars``."""

        per_label: int | None = Field(200, ge=1, le=100_000, description="pictures to draw of each town")
        size: int = Field(64, ge=16, le=2048, description="side of a picture in pixels")
        element_frequency: float = Field(
            0.8, ge=0, le=1, description="share of a town's pictures that have the town's element"
        )

        @field_validator("labels")
        @classmethod
        def _known(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
            unknown = [label for label in labels or () if label not in ELEMENTS]
            if unknown:
                raise ValueError(f"there is no town {unknown[0]!r}; the towns are {', '.join(ELEMENTS)}")
            return labels

    config: Config

    def fingerprint(self) -> str:
        """Versions of the packages that draw.

        Raises:
            DataError: one is not installed.
        """
        try:
            return " ".join(f"{package} {version(package)}" for package in PACKAGES)
        except PackageNotFoundError as error:
            raise DataError(
                f"the dataset 'avatars' draws with the package {error.name}, which is not installed; "
                "run pip install 'diffmine[demo]'"
            ) from None

    def prepare(self, folder: Path, *, seed: int, progress: Progress) -> None:
        """Draw the pictures on all cores; those that are there already are kept."""
        self.fingerprint()
        config = self.config
        order = Order(
            folder=folder,
            pictures=list(self._pictures()),
            seed=seed,
            size=config.size,
            frequency=config.element_frequency,
        )
        missing = order.missing()
        progress.start(len(order.pictures), "drawings")
        progress.advance(len(order.pictures) - len(missing.pictures))
        for _ in draw_all(missing):
            progress.advance()

    def preview(self) -> Preview:
        """Every picture that ``prepare`` draws."""
        return Preview(Counter(town for town, _ in self._pictures()), self.config.size, self.config.size)

    def open(self, prepared: Path) -> ImageSource:
        return _Drawings(prepared, [(town, picture_path(town, index)) for town, index in self._pictures()])

    def _pictures(self) -> Iterator[tuple[str, int]]:
        for town in ELEMENTS:
            if self.config.labels is None or town in self.config.labels:
                yield from ((town, index) for index in range(self.config.per_label or 0))


class _Drawings(ImageSource):
    def __init__(self, folder: Path, pictures: list[tuple[str, str]]) -> None:
        self._folder, self._pictures = folder, pictures

    def scan(self) -> Iterator[Item]:
        for town, path in self._pictures:
            yield Item(path, (town,), {"element": ELEMENTS[town].description})

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """Nowhere, in a picture without the town's element."""
        town = record.path.partition("/")[0]
        path = self._folder / MASKS / record.path
        if not path.exists():
            with Image.open(self._folder / record.path) as picture:
                return {town: np.zeros((picture.height, picture.width), dtype=bool)}
        with Image.open(path) as mask:
            return {town: np.asarray(mask, dtype=bool)}
