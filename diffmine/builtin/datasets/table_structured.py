"""Index files that name their values: Parquet, JSON and JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diffmine.builtin.datasets.table_rows import Index, Row, cell, parse_json
from diffmine.errors import DataError

KEY, VALUE = "key", "value"
"""Columns of a JSON mapping from a key to one value, where ``columns`` does not name them."""


class ParquetIndex(Index):
    """Parquet; binary and nested columns other than lists are passed over."""

    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        super().__init__(path)
        schema = pq.read_schema(path)
        self.columns = tuple(field.name for field in schema if not _is_opaque(field.type))

    def _rows(self) -> Iterator[tuple[str, Row]]:
        number = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=4096, columns=list(self.columns)):
                for row in batch.to_pylist():
                    number += 1
                    place = self.place(number)
                    yield place, {name: cell(value, place) for name, value in row.items()}


class JsonLinesIndex(Index):
    """One JSON object a line."""

    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        super().__init__(path)
        self._names = names
        self.columns = _union(row for _, row in self._rows())

    def _rows(self) -> Iterator[tuple[str, Row]]:
        with self.path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    place = self.place(number, "line")
                    yield place, _json_row(parse_json(line, place), self._names, place)


class JsonIndex(Index):
    """A list of objects (or of lists, with ``columns``), or a mapping from a key to an object, a list or a value.

    A mapping's keys become the column ``key`` and its plain values the column ``value``, or the first and the second
    of ``columns``.

    Args:
        entries: the key of the mapping under which the list or the mapping lies; None: it is the whole file.
    """

    def __init__(self, path: Path, names: Sequence[str] | None, entries: str | None = None) -> None:
        super().__init__(path)
        content = parse_json(path.read_text(encoding="utf-8-sig"), str(path))
        if entries is not None:
            content = content.get(entries) if isinstance(content, dict) else None
            if content is None:
                raise DataError(f"{path} holds nothing under {entries!r}; look at [dataset] entries")
        if isinstance(content, dict):
            key, value = (*(names or (KEY,)), VALUE)[:2]
            content = [_mapping_row(key, name, value, entry) for name, entry in content.items()]
        if not isinstance(content, list):
            raise DataError(f"{path} holds neither a list nor a mapping of pictures")
        places = (self.place(number, "entry") for number in range(1, len(content) + 1))
        self._content = [(place, _json_row(entry, names, place)) for place, entry in zip(places, content, strict=True)]
        self.columns = _union(row for _, row in self._content)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        return iter(self._content)


def _mapping_row(key: str, name: str, value: str, entry: Any) -> dict[str, Any]:
    return {key: name, **entry} if isinstance(entry, dict) else {key: name, value: entry}


def _json_row(entry: Any, names: Sequence[str] | None, place: str) -> Row:
    if isinstance(entry, list) and names:
        entry = dict(zip(names, entry, strict=False))
    if not isinstance(entry, Mapping):
        raise DataError(f"{place} is no object with named values; name the cells of lists with [dataset] columns")
    return {name: cell(value, place) for name, value in entry.items()}


def _union(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row))


def _is_opaque(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_struct(kind))
