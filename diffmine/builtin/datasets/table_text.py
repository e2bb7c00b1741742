"""Index files of delimited text: CSV, TSV and words between blanks."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from diffmine.builtin.datasets.table_rows import Index, Row
from diffmine.errors import DataError


class TextIndex(Index):
    """Cells between delimiters; quotes as in CSV."""

    def __init__(self, path: Path, names: Sequence[str] | None, delimiter: str) -> None:
        super().__init__(path)
        self._delimiter, self._has_header = delimiter, names is None
        self._header = list(names or ())
        if self._has_header:
            self._header = [name.strip() for name in next((cells for _, cells in self._lines()), [])]
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


class WordsIndex(TextIndex):
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
        is_header = not self._header
        return line.split() if is_header else line.rsplit(maxsplit=len(self._header) - 1)


def _checked_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    named = [name for name in header if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}; rename one")
    return tuple(named)
