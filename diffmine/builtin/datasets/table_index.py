"""Tables of pictures as rows of text: CSV, TSV, whitespace-separated text, Parquet, JSON and JSON Lines."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diffmine.errors import DataError

LIST_SEPARATOR = "\x1f"
"""Joins the members of a cell that holds a list (Parquet, JSON)."""
KEY, VALUE = "key", "value"
"""Columns of a JSON mapping from a key to one value, where ``columns`` does not name them."""

DAMAGE = (OSError, ValueError, pa.ArrowException, csv.Error)

Row = dict[str, str]


class Index(ABC):
    """A table, read row by row.

    Attributes:
        path: the file.
        columns: names of the columns.
    """

    columns: tuple[str, ...]

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def _rows(self) -> Iterator[tuple[str, Row]]: ...

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Where a row stands, for people (``row 3 of metadata.csv``), and its cells.

        Raises:
            DataError: the file is damaged.
        """
        try:
            yield from self._rows()
        except DAMAGE as error:
            raise DataError(f"{self.path} cannot be read: {error}") from None

    def require(self, name: str, option: str) -> None:
        """Refuse a column that is not there.

        Raises:
            DataError: naming the recipe's option and the columns there are.
        """
        if name not in self.columns:
            close = get_close_matches(name, self.columns, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ";"
            raise DataError(
                f"[dataset] {option}: {self.path} has no column {name!r}{hint} its columns: {', '.join(self.columns)}"
            )

    def place(self, number: int, unit: str = "row") -> str:
        return f"{unit} {number} of {self.path}"


def open_index(path: Path, option: str, names: Sequence[str] | None = None, delimiter: str | None = None) -> Index:
    """Open a table by the suffix of its file.

    Args:
        option: the recipe's option that names it, for errors.
        names: names of the columns, where the file has no header.
        delimiter: between cells of a text file; None: by the suffix.
    Raises:
        DataError: there is no such file, it is of another kind, or damaged.
    """
    if not path.is_file():
        beside = sorted(file.name for file in path.parent.glob("*.*") if file.suffix.lower() in READERS)[:10]
        raise DataError(f"[dataset] {option}: {path} does not exist; tables beside it: {', '.join(beside) or 'none'}")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"[dataset] {option}: {path} is no table; its name must end in {', '.join(READERS)}")
    try:
        return _TextIndex(path, names, delimiter) if delimiter else reader(path, names)
    except DAMAGE as error:
        raise DataError(f"[dataset] {option}: {path} cannot be read: {error}") from None


class _TextIndex(Index):
    """Cells between delimiters; quotes as in CSV."""

    def __init__(self, path: Path, names: Sequence[str] | None, delimiter: str) -> None:
        super().__init__(path)
        self._delimiter, self._has_header = delimiter, names is None
        self._header = list(names) if names else next((cells for _, cells in self._lines()), [])
        self.columns = _checked_columns(path, self._header)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        width = len(self._header)
        for number, cells in self._lines(skip=int(self._has_header)):
            if any(cells[width:]):
                raise DataError(f"{self.place(number, 'line')} has {len(cells)} cells, more than its {width} columns")
            row = dict(zip(self._header, cells, strict=False))
            yield self.place(number, "line"), {name: row.get(name, "").strip() for name in self.columns}

    def _lines(self, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            for cells in reader:
                if not any(cells):
                    continue
                if skip:
                    skip -= 1
                    continue
                yield reader.line_num, cells


class _WordsIndex(_TextIndex):
    """Cells between runs of blanks, as in ``places365_val.txt``; the first cell may hold blanks itself."""

    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        super().__init__(path, names, " ")

    def _lines(self, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
        with self.path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                if skip:
                    skip -= 1
                    continue
                yield number, self._split(line.strip())

    def _split(self, line: str) -> list[str]:
        header = getattr(self, "_header", None)  # not yet known while the header itself is read
        return line.rsplit(maxsplit=len(header) - 1) if header else line.split()


class _ParquetIndex(Index):
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
                    yield self.place(number), {name: cell(value) for name, value in row.items()}


class _JsonLinesIndex(Index):
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
                    yield place, _json_row(_parse(line, place), self._names, place)


class _JsonIndex(Index):
    """A list of objects (or of lists, with ``columns``), or a mapping from a key to an object, a list or a value.

    A mapping's keys become the column ``key`` and its plain values the column ``value``, or the first and the second
    of ``columns``.
    """

    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        super().__init__(path)
        content = _parse(path.read_text(encoding="utf-8-sig"), str(path))
        if isinstance(content, dict):
            key, value = (*(names or ()), KEY, VALUE)[:2] if not names or len(names) > 1 else (names[0], VALUE)
            content = [_mapping_row(key, name, value, entry) for name, entry in content.items()]
        if not isinstance(content, list):
            raise DataError(f"{path} holds neither a list nor a mapping of pictures")
        places = (self.place(number, "entry") for number in range(1, len(content) + 1))
        self._content = [(place, _json_row(entry, names, place)) for place, entry in zip(places, content, strict=True)]
        self.columns = _union(row for _, row in self._content)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        return iter(self._content)


def cell(value: Any) -> str:
    """A value as text: nothing and not-a-number are empty, whole numbers have no decimals, lists are joined."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return LIST_SEPARATOR.join(filter(None, map(cell, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def _mapping_row(key: str, name: str, value: str, entry: Any) -> dict[str, Any]:
    return {key: name, **entry} if isinstance(entry, dict) else {key: name, value: entry}


def _json_row(entry: Any, names: Sequence[str] | None, place: str) -> Row:
    if isinstance(entry, list) and names:
        entry = dict(zip(names, entry, strict=False))
    if not isinstance(entry, Mapping):
        raise DataError(f"{place} is no object with named values; name the cells of lists with [dataset] columns")
    return {name: cell(value) for name, value in entry.items()}


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is no valid JSON: {error}") from None


def _checked_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    named = [name for name in header if name.strip()]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}; rename one")
    return tuple(named)


def _union(rows: Iterator[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row))


def _is_opaque(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_struct(kind))


def _comma(path: Path, names: Sequence[str] | None) -> Index:
    return _TextIndex(path, names, ",")


def _tab(path: Path, names: Sequence[str] | None) -> Index:
    return _TextIndex(path, names, "\t")


READERS = {
    ".csv": _comma,
    ".tsv": _tab,
    ".txt": _WordsIndex,
    ".parquet": _ParquetIndex,
    ".json": _JsonIndex,
    ".jsonl": _JsonLinesIndex,
    ".ndjson": _JsonLinesIndex,
}
