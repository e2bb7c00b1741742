"""The rows of a loaded dataset as pictures with labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from diffmine.errors import RecipeError
from diffmine.interfaces import ImageSource
from diffmine.types import Item

BATCH = 1000
UNNAMED = "picture"
"""The last part of a path where the dataset keeps no file name."""


class Rows(ImageSource):
    """Paths are ``<row>/<file name>``; pictures stay encoded as they are stored.

    Raises:
        RecipeError: there is no such column, or it does not hold what it should.
    """

    def __init__(self, dataset: datasets.Dataset, image: str | None, label: str) -> None:
        features = dataset.features
        self._image, self._label = image or _only_image(features), label
        if not isinstance(features.get(self._image), datasets.Image):
            raise RecipeError(
                f"[dataset] image = {self._image!r} is no column of pictures; there are {_names(features)}"
            )
        if label not in features:
            raise RecipeError(f"[dataset] label = {label!r}: there is no such column; there are {_names(features)}")
        self._text = _text_of(features[label])
        self._columns = [
            name for name, kind in features.items() if isinstance(kind, datasets.Value) and name not in (label, image)
        ]
        self._encoded = dataset.cast_column(self._image, datasets.Image(decode=False))

    def scan(self) -> Iterator[Item]:
        """Rows without a label are passed over; the pictures' bytes are not touched."""
        row = 0
        for batch in self._encoded.with_format("arrow").iter(BATCH):
            names = pc.struct_field(_whole(batch[self._image]), "path").to_pylist()
            columns = {name: batch[name].to_pylist() for name in self._columns}
            for at, (name, value) in enumerate(zip(names, batch[self._label].to_pylist(), strict=True)):
                members = value if isinstance(value, list) else [value]
                labels = tuple(dict.fromkeys(text for one in members if one is not None and (text := self._text(one))))
                if labels:
                    plain = {key: str(values[at]) for key, values in columns.items() if values[at] is not None}
                    yield Item(f"{row + at:08d}/{PurePosixPath(name or UNNAMED).name}", labels, plain)
            row += len(batch)

    def read(self, path: str) -> bytes:
        """The picture as stored, in the dataset or in a file that it names."""
        row = path.partition("/")[0]
        if not row.isdecimal() or int(row) >= len(self._encoded):
            raise FileNotFoundError(2, "no such row", path)
        stored: dict[str, Any] = self._encoded[int(row)][self._image] or {}
        if stored.get("bytes") is not None:
            return bytes(stored["bytes"])
        if stored.get("path"):
            return Path(stored["path"]).read_bytes()
        raise FileNotFoundError(2, "the row has no picture", path)


def _only_image(features: datasets.Features) -> str:
    found = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    if len(found) != 1:
        what = f"{len(found)} columns of pictures ({', '.join(found)})" if found else "no column of pictures"
        raise RecipeError(f"[dataset] image: the dataset has {what}; name one of {_names(features)}")
    return found[0]


def _text_of(feature: Any) -> Callable[[Any], str]:
    """What makes a stored label a text: ids get their names."""
    inner = getattr(feature, "feature", feature)
    if isinstance(inner, datasets.ClassLabel):
        return lambda stored: str(inner.int2str(stored)) if stored >= 0 else ""  # -1: not labelled
    if isinstance(inner, datasets.Value):
        return lambda stored: str(stored).strip()
    raise RecipeError(f"[dataset] label: the column holds {feature}; it must hold text, numbers or class labels")


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _names(features: datasets.Features) -> str:
    return ", ".join(sorted(features))
