"""The recipe as the page shows it: values as TOML, and nothing of where the machine keeps its files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_FOLDERS = re.compile(
    r"""(?<=['"]) /(?:[^'"/]+/)+ (?=[^'"/])                 # in quotes, perhaps with spaces
    | (?<![\w.~:/\\]) (?:file://)? /(?:[^\s/'"]+/)+ (?=[^\s/'"])
    | (?<![\w.~:/\\]) [A-Za-z]:\\(?:[^\s\\'"]+\\)* (?=[^\s\\'"])""",
    re.VERBOSE,
)
"""The folders before the last part of an absolute path."""


def shown_tables(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Table -> option -> its value as TOML."""
    return {table: {key: _toml(value) for key, value in one.items()} for table, one in tables.items()}


def without_folders(text: str) -> str:
    """A text that names absolute paths by their last parts alone, which tell nothing of the machine."""
    return _FOLDERS.sub("", text)


def _shown(value: str) -> str:
    path = PureWindowsPath(value) if PureWindowsPath(value).is_absolute() else PurePosixPath(value)
    return (path.name or "/") if path.is_absolute() else without_folders(value)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(one)}' for key, one in value.items())} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return _quoted(_shown(value))
    return str(value).lower() if isinstance(value, (bool, float)) else str(value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _quoted(key)


def _quoted(text: str) -> str:
    """JSON's strings are TOML's, but for one control character that TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
