"""Files that after a crash are there whole, or not at all; and digests of what they hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIGEST_SUFFIX = ".sha256"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys; hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is there whole, or not at all.

    Raises:
        OSError: it cannot be written; names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A file beside ``path``, to be written, that then takes its place; after an error it is removed.

    Raises:
        OSError: as the body raised it, with ``path`` as its file name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # A full disk is told of by `write` without a name, and by others with that of the temporary file.
            error.filename, error.filename2 = str(path), None
        raise


def write_shard(path: Path, data: bytes) -> None:
    """Write a shard of a partial artifact, with its digest beside it; it counts as done when both are there."""
    write_atomically(path, data)
    write_atomically(path.with_name(path.name + DIGEST_SUFFIX), hashlib.sha256(data).hexdigest().encode())


def shard_is_done(path: Path) -> bool:
    """Whether ``write_shard`` finished this file and its content is unharmed."""
    beside = path.with_name(path.name + DIGEST_SUFFIX)
    return path.exists() and beside.exists() and file_digest(path) == beside.read_text()


def sync_file(path: Path) -> None:
    """Have the system write a file's content to the disk before anything that follows."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """The same for a folder's entries, so that a rename in it survives a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
