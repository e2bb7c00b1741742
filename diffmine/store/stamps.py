"""Which files of an artifact need not be read again to know that they are unharmed.

Reading every file of a store on each run costs more than most changes to a recipe do. As git's index does, a stamp
beside an artifact says which size, time of change and inode its files had when they were last read whole; those that
still have them are trusted. A file that was written just before the stamp is not: within the clock's grain it could be
written again unseen (git's *racy* entries). What changes on the disk behind the file system's back only reading tells:
``diffmine clean --verify``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from diffmine.files.atomic import write_atomically

SUFFIX = ".verified"
SETTLED = 2_000_000_000
"""Nanoseconds after which a file that is written again has another time of change, on any file system."""

State = tuple[int, int, int]
"""Size in bytes, time of change in nanoseconds, inode."""


@dataclass(frozen=True)
class Stamp:
    """The stamp of one artifact.

    Attributes:
        path: its file.
        artifact: the artifact's folder.
    """

    path: Path
    artifact: Path

    @classmethod
    def of(cls, artifact: Path) -> Stamp:
        """The stamp beside an artifact's folder."""
        return cls(artifact.with_name(artifact.name + SUFFIX), artifact)

    def trusted(self) -> set[str]:
        """The files that are as they were when they were last read; none where the stamp is missing or damaged."""
        try:
            stamped = self.path.stat().st_mtime_ns
            states: dict[str, list[int]] = json.loads(self.path.read_text(encoding="utf-8"))
            return {name for name, state in states.items() if self._is_settled(name, state, stamped)}
        except (OSError, ValueError, TypeError, AttributeError):
            return set()

    def write(self, names: Iterable[str]) -> None:
        """Note the state of files that were just found unharmed; a store that cannot be written to goes without."""
        states = {name: state_of(self.artifact / name) for name in names}
        with contextlib.suppress(OSError):
            write_atomically(self.path, json.dumps(states).encode())

    def remove(self) -> None:
        """Trust nothing."""
        self.path.unlink(missing_ok=True)

    def _is_settled(self, name: str, state: list[int], stamped: int) -> bool:
        now = state_of(self.artifact / name)
        return now == tuple(state) and now[1] < stamped - SETTLED


def state_of(path: Path) -> State:
    """What changes with a file's content."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
