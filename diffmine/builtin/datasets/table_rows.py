"""What every kind of index file is read as: rows of text."""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from diffmine.errors import DataError, RecipeError

LIST_SEPARATOR = "\x1f"
"""Joins the members of a cell that holds a list (Parquet, JSON)."""
DAMAGE = (OSError, ValueError, pa.ArrowException, csv.Error)
"""What the readers raise when a file is damaged."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")

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
            DataError: the file is damaged, or a cell holds what is no text.
        """
        try:
            for place, row in self._rows():
                _check_text(row, place)
                yield place, row
        except DAMAGE as error:
            raise DataError(f"{self.path} cannot be read: {error}") from None

    def require(self, name: str, option: str) -> None:
        """Refuse a column that is not there.

        Raises:
            RecipeError: naming the recipe's option and the columns there are.
        """
        if name not in self.columns:
            close = get_close_matches(name, self.columns, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ";"
            raise RecipeError(
                f"[dataset] {option}: {self.path} has no column {name!r}{hint} its columns: {', '.join(self.columns)}"
            )

    def place(self, number: int, unit: str = "row") -> str:
        return f"{unit} {number} of {self.path}"


def parse_json(text: str, place: str) -> Any:
    """Parse JSON.

    Raises:
        DataError: it is none, or too deep to read; naming ``place``.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{place} is no valid JSON: {error}") from None
    except RecursionError:
        raise DataError(f"{place} is nested too deeply to be read") from None


def cell(value: Any, place: str) -> str:
    """A value as text: nothing and not-a-number are empty, whole numbers have no decimals, lists are joined.

    Raises:
        DataError: it is nested too deeply; naming ``place``.
    """
    try:
        return _text(value)
    except RecursionError:
        raise DataError(f"{place} is nested too deeply to be read") from None


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return LIST_SEPARATOR.join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def _check_text(row: Row, place: str) -> None:
    """Refuse NUL and halves of characters, which no file name, table or page can hold."""
    if _is_text("".join((*row, *row.values()))):
        return
    name, text = next((name, text) for name, text in row.items() if not _is_text(name + text))
    raise DataError(f"{place}: the column {name!r} holds {text[:60]!r}, which is no text; mend the row or remove it")


def _is_text(text: str) -> bool:
    return _NO_TEXT.search(text) is None
