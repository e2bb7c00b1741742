"""Dataset ``arrow``: what ``Dataset.save_to_disk`` of Hugging Face's datasets wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
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
LISTS = ("List", "LargeList", "Sequence")
BATCH = 1000

_Kind = Callable[[Any], bool]


class Arrow(Dataset):
    """A folder that ``Dataset.save_to_disk`` of Hugging Face's datasets wrote, pictures and labels inside.

    Labels are names, numbers, numbers with names (``ClassLabel``), or lists of these. Further columns of text or
    numbers can be named in prompts. A picture is named by its file and row. Of several splits (``DatasetDict``), name
    the folder of one.
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
        self._image = _chosen(folder, features, image, "image", _holds_pictures, _holds_pictures)
        self._label = _chosen(folder, features, label, "label", _holds_labels, _holds_names)
        self._plain = [name for name, one in features.items() if _is_plain(one) and name != self._label]
        self._classes: list[str] | None = _member(features[self._label]).get("names")

    def files(self) -> list[Path]:
        """The files with the rows."""
        return [self._folder / name for name in self._names]

    def scan(self) -> Iterator[Item]:
        for name in self._names:
            row = 0
            for batch in _table(self._folder / name).to_batches(BATCH):
                for at, item in self._items(batch):
                    yield Item(f"{name}/{row + at}{item.path}", item.labels, item.columns)
                row += batch.num_rows

    def _items(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Item]]:
        """The rows of a batch that have labels, each as the suffix of its picture's file."""
        files = batch[self._image].field("path").to_pylist()
        plain = {name: batch[name].to_pylist() for name in self._plain}
        for at, (file, value) in enumerate(zip(files, batch[self._label].to_pylist(), strict=True)):
            members = value if isinstance(value, list) else [value]
            if labels := tuple(dict.fromkeys(text for one in members if (text := self._name_of(one)))):
                columns = {name: str(values[at]) for name, values in plain.items() if values[at] is not None}
                yield at, Item(PurePosixPath(file or "").suffix, labels, columns)

    def read(self, path: str) -> bytes:
        name, _, row = path.rpartition("/")
        number = PurePosixPath(row).stem
        if name not in self._names or not number.isdecimal() or int(number) >= len(_table(self._folder / name)):
            raise FileNotFoundError(f"{self._folder} has no row {path}")
        cell: Mapping[str, Any] = _table(self._folder / name)[self._image].slice(int(number), 1).to_pylist()[0] or {}
        if (content := cell.get("bytes")) is not None:
            return bytes(content)
        if cell.get("path"):
            return Path(cell["path"]).read_bytes()
        raise FileNotFoundError(2, "the row has no picture", path)

    def _name_of(self, label: Any) -> str:
        """The label of a row; empty where it has none: it is missing, or -1, as datasets marks unknown classes."""
        if label is None or (self._classes and label < 0):
            return ""
        return self._classes[label] if self._classes else str(label).strip()


def _chosen(
    folder: Path, features: Mapping[str, Any], wanted: str | None, option: str, fits: _Kind, usual: _Kind
) -> str:
    """The column that an option names, or else the first of the usual kind."""
    fitting = [name for name, one in features.items() if fits(one)]
    if wanted is not None and wanted not in fitting:
        raise RecipeError(f"[dataset] {option} = {wanted!r}: no column of {folder} that fits; {_listed(fitting)}")
    first = next((name for name in fitting if usual(features[name])), None)
    if (found := wanted or first) is None:
        raise RecipeError(f"[dataset] path: {folder} has no column of {option}s; its columns: {', '.join(features)}")
    return found


def _member(feature: Any) -> Mapping[str, Any]:
    """What a column holds, or its lists do, which the library has written in three ways."""
    inner = feature[0] if isinstance(feature, list) and feature else feature
    if isinstance(inner, Mapping) and inner.get("_type") in LISTS:
        inner = inner.get("feature")
    return inner if isinstance(inner, Mapping) else {}


def _holds_pictures(feature: Any) -> bool:
    return isinstance(feature, Mapping) and feature.get("_type") == "Image"


def _holds_labels(feature: Any) -> bool:
    return _member(feature).get("_type") == "ClassLabel" or _is_plain(_member(feature))


def _holds_names(feature: Any) -> bool:
    return _member(feature).get("_type") == "ClassLabel" or _member(feature).get("dtype") in TEXT_TYPES


def _is_plain(feature: Any) -> bool:
    return isinstance(feature, Mapping) and feature.get("_type") == "Value" and feature.get("dtype") != "binary"


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
