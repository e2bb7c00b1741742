"""Opens an index file by the suffix of its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diffmine.builtin.datasets.table_rows import DAMAGE, Index
from diffmine.builtin.datasets.table_structured import JsonIndex, JsonLinesIndex, ParquetIndex
from diffmine.builtin.datasets.table_text import TextIndex, WordsIndex
from diffmine.errors import DataError, RecipeError, reason


def open_index(
    path: Path,
    option: str,
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    entries: str | None = None,
) -> Index:
    """Open a table by the suffix of its file.

    Args:
        option: the recipe's option that names it, for errors.
        names: names of the columns, where the file has no header.
        delimiter: between cells of a text file; None: by the suffix.
        entries: the key under which a JSON file holds its rows; None: the whole file.
    Raises:
        RecipeError: there is no such file, or it is of another kind.
        DataError: it is damaged.
    """
    try:
        exists = path.is_file()
    except OSError as error:
        raise RecipeError(f"[dataset] {option} cannot be the name of a table: {reason(error)}") from None
    if not exists:
        beside = sorted(file.name for file in path.parent.glob("*.*") if file.suffix.lower() in READERS)[:10]
        raise RecipeError(f"[dataset] {option}: {path} does not exist; tables beside it: {', '.join(beside) or 'none'}")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RecipeError(f"[dataset] {option}: {path} is no table; its name must end in {', '.join(READERS)}")
    if entries is not None and reader is not JsonIndex:
        raise RecipeError(f"[dataset] entries = {entries!r}: names a key of a .json file, and {path} is none")
    try:
        if entries is not None:
            return JsonIndex(path, names, entries)
        return TextIndex(path, names, delimiter) if delimiter else reader(path, names)
    except DAMAGE as error:
        raise DataError(f"[dataset] {option}: {path} cannot be read: {error}") from None


def _comma(path: Path, names: Sequence[str] | None) -> Index:
    return TextIndex(path, names, ",")


def _tab(path: Path, names: Sequence[str] | None) -> Index:
    return TextIndex(path, names, "\t")


READERS = {
    ".csv": _comma,
    ".tsv": _tab,
    ".txt": WordsIndex,
    ".parquet": ParquetIndex,
    ".json": JsonIndex,
    ".jsonl": JsonLinesIndex,
    ".ndjson": JsonLinesIndex,
}
