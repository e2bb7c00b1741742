"""Dataset ``scenes``: drawn workbenches whose typical elements lie anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, __version__
from pydantic import Field, field_validator

from diffmine.builtin.datasets.scene_drawing import ELEMENTS, lay
from diffmine.files.atomic import replacement
from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, Preview, Progress
from diffmine.types import BoolArray, ByteArray, ImageRecord, Item

MASKS = "masks"


class Scenes(Dataset):
    """Drawn workbenches of six trades; each trade has two elements, and where they lie is known exactly.

    The elements are listed in ``diffmine.builtin.datasets.scene_drawing.ELEMENTS``. They lie anywhere, in any colour,
    size and direction, among things that lie on every bench: cards, coins, cups, leaves, pebbles and rulers.
    """

    name = "scenes"

    class Config(DatasetConfig):
        """Options of ``scenes``."""

        per_label: int | None = Field(200, ge=1, le=100_000, description="pictures to draw of each trade")
        size: int = Field(96, ge=16, le=2048, description="side of a picture in pixels")
        element_frequency: float = Field(
            0.8, ge=0, le=1, description="share of a trade's pictures that show its elements: half of them both"
        )

        @field_validator("labels")
        @classmethod
        def _known(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
            unknown = [label for label in labels or () if label not in ELEMENTS]
            if unknown:
                raise ValueError(f"there is no trade {unknown[0]!r}; the trades are {', '.join(ELEMENTS)}")
            return labels

    config: Config

    def fingerprint(self) -> str:
        """The version of the package that draws."""
        return f"Pillow {__version__}"

    def prepare(self, folder: Path, *, seed: int, progress: Progress) -> None:
        """Draw the pictures; those that are there already are kept."""
        pictures = list(self._pictures())
        progress.start(len(pictures), "drawings")
        for trade, index in pictures:
            path = _path(trade, index)
            if not (folder / path).exists():
                scene = lay(seed, trade, index, self.config.element_frequency)
                _save(folder / MASKS / path, scene.elements(self.config.size))
                _save(folder / path, scene.render(self.config.size))  # last: a picture that exists is complete
            progress.advance()

    def preview(self) -> Preview:
        """Every picture that ``prepare`` draws."""
        return Preview(Counter(trade for trade, _ in self._pictures()), self.config.size, self.config.size)

    def open(self, prepared: Path) -> ImageSource:
        return _Drawings(prepared, list(self._pictures()))

    def _pictures(self) -> Iterator[tuple[str, int]]:
        for trade in ELEMENTS:
            if self.config.labels is None or trade in self.config.labels:
                yield from ((trade, index) for index in range(self.config.per_label or 0))


class _Drawings(ImageSource):
    def __init__(self, folder: Path, pictures: list[tuple[str, int]]) -> None:
        self._folder, self._pictures = folder, pictures

    def scan(self) -> Iterator[Item]:
        for trade, index in self._pictures:
            yield Item(_path(trade, index), (trade,), {"element": " or ".join(ELEMENTS[trade])})

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """Nowhere, on a bench without the trade's elements."""
        return {_trade(record): self._elements(record) > 0}

    def boxes(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """The box around each element; nothing for a bench without."""
        elements = self._elements(record)
        found = np.zeros(elements.shape, dtype=bool)
        for element in np.unique(elements[elements > 0]):
            rows, columns = np.nonzero(elements == element)
            found[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        return {_trade(record): found} if found.any() else {}

    def _elements(self, record: ImageRecord) -> ByteArray:
        with Image.open(self._folder / MASKS / record.path) as picture:
            return np.asarray(picture)


def _path(trade: str, index: int) -> str:
    """Where a picture lies in the prepared folder; which element paints its pixels lies there under ``masks``."""
    return f"{trade}/{index:05d}.png"


def _trade(record: ImageRecord) -> str:
    return record.path.partition("/")[0]


def _save(path: Path, pixels: ByteArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as draft:
        Image.fromarray(pixels).save(draft, format="PNG")
