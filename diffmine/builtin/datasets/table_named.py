"""Files that name some pictures of a table: those to leave out, or the only ones to take."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffmine.builtin.datasets.table_paths import Template
from diffmine.builtin.datasets.table_rows import cell, parse_json
from diffmine.errors import DataError, reason


class NamedPictures:
    """The pictures that a file names.

    A text file has one entry a line, a CSV file one in the first cell of each row. JSON is a list of entries, or a
    mapping. For the template ``images/{id}/{angle}.jpg``, an entry is a picture's path (``images/7/45.jpg``, or
    ``7/45.jpg`` below the fixed folder), the value of the first placeholder (``7``: all of its pictures), the values of
    all placeholders (``7/45``, or a list), or an object of columns and values that must all agree. In a mapping, the
    keys are such entries; where the value is a list (``{"7": [45, 135]}``) only those of its pictures are meant, and
    where it is ``false`` none.

    Args:
        content: what the file holds.
        place: names the file in errors.
    """

    def __init__(self, content: Any, place: str) -> None:
        self._place = place
        self._entries: set[str] = set()
        self._conditions: list[dict[str, str]] = []
        if isinstance(content, dict):
            for key, value in content.items():
                self._add_of_mapping(str(key), value)
        else:
            for entry in content:
                self._add(entry)

    def holds(self, path: str, template: Template, cells: Mapping[str, str]) -> bool:
        """Whether a picture is named.

        Args:
            path: relative to the dataset's root.
            template: what made the path.
            cells: the row's cells and the free placeholders' values.
        """
        values = [cells[name] for name in template.names]
        names = (path, path.removeprefix(template.fixed_folder), values[0], "/".join(values))
        if not self._entries.isdisjoint(names):
            return True
        return any(all(cells.get(name) == value for name, value in condition.items()) for condition in self._conditions)

    def _add(self, entry: Any) -> None:
        if isinstance(entry, dict):
            self._conditions.append({name: cell(value, self._place) for name, value in entry.items()})
        elif isinstance(entry, list):
            self._entries.add("/".join(cell(member, self._place) for member in entry))
        else:
            self._entries.add(cell(entry, self._place))
        self._entries.discard("")

    def _add_of_mapping(self, key: str, value: Any) -> None:
        if isinstance(value, list):
            self._entries.update(f"{key}/{cell(member, self._place)}" for member in value)
        elif value is not False:
            self._entries.add(key)


def read_named(path: Path, option: str) -> NamedPictures:
    """Read a file that names pictures.

    Args:
        path: the file.
        option: which names it.

    Raises:
        DataError: there is no such file, or it is no list or mapping.
    """
    place = f"[dataset] {option}: {path}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{place} cannot be read: {reason(error)}") from None
    match path.suffix.lower():
        case ".json":
            content = parse_json(text, place)
        case ".csv":
            content = [row[0] for row in csv.reader(text.splitlines()) if row]
        case _:
            content = text.splitlines()
    if not isinstance(content, (list, dict)):
        raise DataError(f"{place} holds neither a list nor a mapping of pictures")
    return NamedPictures(content, place)
