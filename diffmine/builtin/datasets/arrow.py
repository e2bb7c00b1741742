"""Dataset ``arrow``: what ``Dataset.save_to_disk`` of Hugging Face's datasets wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pydantic import Field

from diffmine.builtin.datasets.listing import listing_digest, require_folder
from diffmine.errors import DataError, RecipeError, reason
from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, RecipePath
from diffmine.types import Item

STATE, INFO = "state.json", "dataset_info.json"
TEXT_TYPES = ("string", "large_string")


class Arrow(Dataset):
    """A folder that ``Dataset.save_to_disk`` of Hugging Face's datasets wrote, pictures and labels inside.

    Labels are names, or numbers with names (``ClassLabel``). A picture is named by its file and row. Of several splits
    (``DatasetDict``), name the folder of one.
    """

    name = "arrow"
    reads_listed_only = True

    class Config(DatasetConfig):
        """Options of ``arrow``."""

        path: RecipePath = Field(description="the folder, which holds state.json and .arrow files")
        image: str | None = Field(None, description="column with the pictures; omitted: the first of them")
        label: str | None = Field(None, description="column with the labels; omitted: the first with names or text")

    config: Config

    def fingerprint(self) -> str:
        """Digest of names, sizes and times of change of the folder's files.

        Raises:
            RecipeError, DataError: there is no such folder, or it holds something else.
        """
        files = self._source().files()
        return listing_digest((path.name, path.stat()) for path in [self.config.path / INFO, *files])

    def open(self, prepared: Path) -> ImageSource:
        return self._source()

    def _source(self) -> _Saved:
        require_folder(self.config.path, "path")
        return _Saved(self.config.path, self.config.image, self.config.label)


class _Saved(ImageSource):
    def __init__(self, folder: Path, image: str | None, label: str | None) -> None:
        self._folder = folder
        self._names: list[str] = [one["filename"] for one in _json(folder / STATE, "_data_files")]
        features: Mapping[str, Any] = _json(folder / INFO, "features")
        self._image = _chosen(folder, features, image, "image", _holds_pictures)
        self._label = _chosen(folder, features, label, "label", _holds_labels)
        self._classes: list[str] | None = features[self._label].get("names")

    def files(self) -> list[Path]:
        """The files with the rows."""
        return [self._folder / name for name in self._names]

    def scan(self) -> Iterator[Item]:
        for name in self._names:
            table = _table(self._folder / name)
            files = table[self._image].combine_chunks().field("path").to_pylist()
            for row, (file, label) in enumerate(zip(files, table[self._label].to_pylist(), strict=True)):
                if (text := self._name_of(label)) is not None:
                    yield Item(f"{name}/{row}{PurePosixPath(file or '').suffix}", (text,))

    def read(self, path: str) -> bytes:
        name, _, row = path.rpartition("/")
        number = PurePosixPath(row).stem
        if name not in self._names or not number.isdecimal() or int(number) >= len(_table(self._folder / name)):
            raise FileNotFoundError(f"{self._folder} has no row {path}")
        cell = _table(self._folder / name)[self._image].slice(int(number), 1).to_pylist()[0]
        content: bytes | None = cell["bytes"]
        return content if content is not None else Path(cell["path"]).read_bytes()

    def _name_of(self, label: Any) -> str | None:
        """The label of a row; None where it has none: it is empty, or -1, as datasets marks unknown ones."""
        if label is None or label == "" or label == -1:
            return None
        return self._classes[label] if self._classes else str(label)


def _chosen(folder: Path, features: Mapping[str, Any], wanted: str | None, option: str, fits: Any) -> str:
    """The column that an option names, or else the first that fits."""
    fitting = [name for name, one in features.items() if isinstance(one, Mapping) and fits(one)]
    if wanted is not None and wanted not in fitting:
        raise RecipeError(f"[dataset] {option} = {wanted!r}: no column of {folder} that fits; {_listed(fitting)}")
    if not fitting:
        raise RecipeError(f"[dataset] path: {folder} has no column of {option}s; its columns: {', '.join(features)}")
    return wanted or fitting[0]


def _holds_pictures(feature: Mapping[str, Any]) -> bool:
    return feature.get("_type") == "Image"


def _holds_labels(feature: Mapping[str, Any]) -> bool:
    return feature.get("_type") == "ClassLabel" or feature.get("dtype") in TEXT_TYPES


def _listed(names: list[str]) -> str:
    return f"those that do: {', '.join(names)}" if names else "none does"


def _json(path: Path, key: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not what save_to_disk of Hugging Face's datasets writes: {reason(error)}") from None


@lru_cache(maxsize=8)
def _table(path: Path) -> pa.Table:
    """The rows of a file, which stay on disk until they are read."""
    try:
        return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {reason(error)}; save the dataset again") from None
