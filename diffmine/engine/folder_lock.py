"""One writer at a time for a run folder, among processes; a process that is killed leaves no lock behind."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock

from diffmine.errors import ArtifactError
from diffmine.files.atomic import write_atomically

LOCK_FILE = ".lock"
OWNER_FILE = ".owner.json"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that no other process writes to it.

    Raises:
        ArtifactError: another process holds it, with which.
    """
    lock = filelock.FileLock(folder / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ArtifactError(_in_use(folder)) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        owner = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        write_atomically(folder / OWNER_FILE, json.dumps(owner).encode())
        yield
    finally:
        (folder / OWNER_FILE).unlink(missing_ok=True)
        lock.release()


def _in_use(folder: Path) -> str:
    try:
        owner = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
        who = f"process {owner['process']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError):
        who = "another process"
    return f"the run folder {folder} is being written by {who}; wait for it, or name another with --out"
