"""What a page says of files and folders: little, or nothing at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from diffmine.builtin.reports.explorer.recipe_tables import shown_tables, without_folders

if TYPE_CHECKING:
    from diffmine.runs.run import Run

HIDDEN = "…"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILE = re.compile(r"\S*\.[A-Za-z]\w{0,7}")
_PATH = re.compile(
    r"""(?<=['"]) (?: ~ | \.{1,2} | file:/ )? / [^'"]+            # in quotes, perhaps with spaces
    | (?<![\w.~:/\\]) (?: ~ | \.{1,2} | file:/ )? / [^\s'"]*[^\s'",;:.)]
    | (?<![\w.~:/\\]) [A-Za-z]:\\ [^\s'"]*[^\s'",;:.)]""",
    re.VERBOSE,
)
_OF_PICTURES = ("dataset", "training")


class Wording:
    """Paths as the dataset gives them; of absolute ones the last part alone, which tells nothing of the machine."""

    def text(self, text: str) -> str:
        """A sentence."""
        return without_folders(text)

    def picture(self, path: str, place: int) -> str:
        """What to call the page's picture at a place."""
        return path

    def left_out(self, path: str) -> str:
        """What to call a picture that was left out."""
        return path

    def recipe(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        """Table -> option -> its value as TOML."""
        return shown_tables(tables)

    def added(self, value: Any) -> Any:
        """What a plugin tells the page: a value that JSON can hold."""
        return value


class PublicWording(Wording):
    """No path, and no name of a file: pictures have numbers, and what names a file in a text is ``…``.

    Args:
        run: whose files must not be named.
    """

    def __init__(self, run: Run) -> None:
        paths = {*run.images["path"].to_pylist(), *(one["path"] for one in run.skipped)}
        names = {name for path in paths for name in (path, path.rpartition("/")[2])}
        self._names = sorted(names, key=lambda name: (-len(name), name))
        self._hiding = lru_cache(maxsize=None)(self._hidden)

    def text(self, text: str) -> str:
        return self._hiding(text)

    def picture(self, path: str, place: int) -> str:
        return f"{place + 1}"

    def left_out(self, path: str) -> str:
        return "a picture"

    def recipe(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        return shown_tables({name: self._options(table, name) for name, table in tables.items()})

    def added(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.added(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.added(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _options(self, value: Any, table: str) -> Any:
        """A value of the recipe without what can be a path; a model's name on a hub is none."""
        if isinstance(value, Mapping):
            return {key: self._options(one, table) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._options(one, table) for one in value]
        if not isinstance(value, str):
            return value
        on_a_hub = table not in _OF_PICTURES and _HUB_ID.fullmatch(value)
        separated = not on_a_hub and ("/" in value or "\\" in value)
        return HIDDEN if separated or _FILE.fullmatch(value) else self.text(value)

    def _hidden(self, text: str) -> str:
        for name in self._names:
            if name in text:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text)
        return _PATH.sub(HIDDEN, text)
