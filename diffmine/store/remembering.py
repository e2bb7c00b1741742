"""Small values that were computed once, by what decides them: kept beside the artifacts of a store.

Layout: ``STORE/remembered/<key>.json``, a value and its digest. One that is lost or damaged is computed again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffmine.files.atomic import json_digest, write_atomically

FOLDER = "remembered"


@dataclass(frozen=True)
class Remembered:
    """The values that a store remembers.

    Attributes:
        root: the store's folder.
    """

    root: Path

    def find(self, decided_by: Any) -> Any | None:
        """The value that was computed of this; None: there is none, or it is damaged.

        Args:
            decided_by: all that decides it, for JSON.
        """
        try:
            entry = json.loads(self._path(decided_by).read_text(encoding="utf-8"))
            return entry["value"] if entry["digest"] == json_digest(entry["value"]) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, decided_by: Any, value: Any) -> None:
        """Remember a value, for JSON."""
        entry = {"digest": json_digest(value), "value": value}
        write_atomically(self._path(decided_by), json.dumps(entry, ensure_ascii=False).encode())

    def _path(self, decided_by: Any) -> Path:
        return self.root / FOLDER / f"{json_digest(decided_by)[:32]}.json"
