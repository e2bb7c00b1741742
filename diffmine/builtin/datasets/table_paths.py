"""Path templates such as ``images/{id}/{angle}.jpg``."""

from __future__ import annotations

import errno
import os
import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product, takewhile
from pathlib import Path

from diffmine.errors import DataError, reason
from diffmine.files.patterns import Pattern

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_FREE = re.compile("\0([^\0]+)\0")
"""A placeholder that files are to fill, inside a filled template."""


class Template:
    """A path with column names in braces; without braces, the name of the column that holds the path.

    Attributes:
        names: the placeholders, in order.
        fixed_folder: the leading folders without placeholders, such as ``images/``; may be empty.
    """

    def __init__(self, text: str) -> None:
        self.text = text if _PLACEHOLDER.search(text) else f"{{{text}}}"
        self.names = tuple(dict.fromkeys(_PLACEHOLDER.findall(self.text)))
        self.fixed_folder = self.text[: self.text.rfind("/", 0, self.text.index("{")) + 1]

    def fill(self, cells: Mapping[str, str]) -> str:
        """The path, with a cell for every placeholder."""
        return _PLACEHOLDER.sub(lambda match: cells[match[1]], self.text)


def inside(root: Path, path: str, place: str) -> str:
    """The path relative to ``root``, simplified.

    Raises:
        DataError: it leads out of ``root``.
    """
    relative = posixpath.relpath(path, root.as_posix()) if path.startswith("/") else posixpath.normpath(path)
    if relative == ".." or relative.startswith("../"):
        raise DataError(f"{place}: the picture {path} lies outside [dataset] path = {root}; name a folder above it")
    return relative


class Expansion:
    """Fills the placeholders of a template that are no columns: from given values, or from the files there are."""

    def __init__(
        self, root: Path, template: Template, free: Sequence[str], values: Mapping[str, Sequence[str]]
    ) -> None:
        self._root, self._template = root, template
        self._given = {name: values[name] for name in free if name in values}
        self._matched = [name for name in free if name not in values]
        # Rows that share a folder, one after another, list it once.
        self._names = lru_cache(maxsize=8)(_sorted_names)

    def expand(self, cells: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
        """The paths of a row, each with the free placeholders' values; existing files only, where files fill them."""
        for choice in product(*self._given.values()):
            chosen = dict(zip(self._given, choice, strict=True))
            if not self._matched:
                yield self._template.fill({**cells, **chosen}), chosen
                continue
            marked = self._template.fill({**cells, **chosen, **{name: f"\0{name}\0" for name in self._matched}})
            for path, found in self._match("", marked.split("/"), {}):
                yield path, {**chosen, **found}

    def _match(self, folder: str, parts: Sequence[str], found: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
        if not parts:
            yield folder, found
            return
        for name, values in self._candidates(folder, parts[0]):
            path = posixpath.join(folder, name)
            here = self._root / path
            agrees = all(found.get(key, value) == value for key, value in values.items())
            if agrees and _is_there(here, folder=bool(parts[1:])):
                yield from self._match(path, parts[1:], {**found, **values})

    def _candidates(self, folder: str, part: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Names in a folder that fit one part of the path."""
        free = _FREE.findall(part)
        if not free:
            yield part, {}
            return
        literals = _FREE.split(part)[::2]
        pattern = Pattern("^" + "(.+?)".join(map(re.escape, literals)) + r"\Z", "[dataset] image")
        names = self._names(self._root / folder)
        start = bisect_left(names, literals[0])
        for name in takewhile(lambda name: name.startswith(literals[0]), names[start:]):
            match = pattern.search(name, str(self._root / folder))
            if match and not name.startswith("."):
                yield name, dict(zip(free, match.groups(), strict=True))


def _is_there(path: Path, *, folder: bool) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except OSError:  # a name too long to be one
        return False


def _sorted_names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return []
        raise DataError(f"the folder {folder} cannot be listed: {reason(error)}; mend it or leave it out") from None
