"""Dataset ``folder``: one folder a label."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from diffmine.builtin.datasets.listing import listing_digest, require_folder, statuses, walk_pictures
from diffmine.builtin.datasets.mask_files import find_mask, read_mask
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import OUTSIDE_KEY, Dataset, DatasetConfig, ImageSource, RecipePath
from diffmine.types import BoolArray, ImageRecord, Item

LabelFrom = Literal["first", "last", "path"]


class Folder(Dataset):
    """One folder a label, flat or nested; the folder's name is the label.

    Files are pictures by their names (``.jpg``, ``.png``, ``.webp``, ``.bmp``, ``.tif``, ``.gif`` and kin); hidden
    ones are passed over. Of nested folders, ``label_from = "last"`` and ``hierarchy = ["first"]`` make the first one a
    label above the last.
    """

    name = "folder"

    class Config(DatasetConfig):
        """Options of ``folder``."""

        path: RecipePath = Field(description="folder that holds the labels' folders")
        label_from: LabelFrom = Field(
            "first",
            description="what names the label of path/a/b/picture.jpg: the first folder (a), the last (b), "
            "or the whole path (a/b)",
        )
        masks: Annotated[RecipePath | None, OUTSIDE_KEY] = Field(
            None,
            description="folder laid out like path, with masks for evaluation: black where the element is not; "
            "all black: known to be absent; no file: not annotated",
        )

    config: Config

    def fingerprint(self) -> str:
        """Digest of names, sizes and times of change of the pictures and masks.

        Raises:
            DataError: there is no such folder.
        """
        return " ".join(listing_digest(statuses(walk_pictures(root))) for root in self._roots())

    def open(self, prepared: Path) -> ImageSource:
        self._roots()
        return _Pictures(self.config)

    def _roots(self) -> list[Path]:
        require_folder(self.config.path, "path")
        if self.config.masks is None:
            return [self.config.path]
        require_folder(self.config.masks, "masks")
        return [self.config.path, self.config.masks]


class _Pictures(ImageSource):
    def __init__(self, config: Folder.Config) -> None:
        self._root, self._label_from, self._masks = config.path, config.label_from, config.masks
        self._has_hierarchy = config.hierarchy is not None

    def scan(self) -> Iterator[Item]:
        unlabelled = 0
        for path, _ in walk_pictures(self._root):
            if "/" in path:
                yield Item(path, (self._label(path),), self._columns(path))
            else:
                unlabelled += 1
        if unlabelled:
            warnings.warn(
                f"{unlabelled} pictures lie in {self._root} itself and have no label; "
                "put each into the folder of its label",
                DiffmineWarning,
                stacklevel=2,
            )

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        mask = find_mask(self._masks, record.path) if self._masks else None
        return {self._label(record.path): read_mask(mask)} if mask else {}

    def _columns(self, path: str) -> dict[str, str]:
        """What ``hierarchy`` may name, by the names that ``label_from`` has for it."""
        folders = path.split("/")[:-1]
        return {"first": folders[0], "last": folders[-1]} if self._has_hierarchy else {}

    def _label(self, path: str) -> str:
        folders = path.split("/")[:-1]
        return {"first": folders[0], "last": folders[-1], "path": "/".join(folders)}[self._label_from]
