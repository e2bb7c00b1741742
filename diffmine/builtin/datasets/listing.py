"""Picture files below a folder, streamed, and a digest of the listing."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from diffmine.errors import DataError, DiffmineWarning, RecipeError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif")
"""Files of other names are not pictures; what is inside a file decides how it is decoded."""

Entry = tuple[str, os.DirEntry[str]]
"""Path relative to the root, with forward slashes, and what ``os.scandir`` says of it."""


def require_folder(path: Path, option: str) -> None:
    """Refuse a path that is not a folder.

    Raises:
        RecipeError: naming the recipe's option.
    """
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise RecipeError(f"[dataset] {option}: {path} {what}; name the folder that holds the pictures")


def walk_pictures(root: Path) -> Iterator[Entry]:
    """Every picture file below ``root``, in no particular order.

    Memory is bounded by the depth of the tree. Hidden files and folders are passed over. Links are followed, but never
    into a folder that they lie in. A link to nothing is listed, so that the run can tell of it.

    Raises:
        DataError: a folder cannot be listed.
    """
    yield from _walk(str(root), "", (_identity(os.stat(root)),))


def _walk(folder: str, prefix: str, ancestors: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
    try:
        entries = os.scandir(folder)
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be listed: {error.strerror}; mend it or leave it out") from None
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                identity = _identity(entry.stat())
                if identity not in ancestors:
                    yield from _walk(entry.path, f"{prefix}{entry.name}/", (*ancestors, identity))
            elif _is_picture(entry) and _is_named_in_unicode(entry):
                yield f"{prefix}{entry.name}", entry


def statuses(entries: Iterable[Entry]) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of each entry; of a link to nothing, the link's own."""
    for path, entry in entries:
        try:
            yield path, entry.stat()
        except OSError:
            yield path, entry.stat(follow_symlinks=False)


def listing_digest(files: Iterable[tuple[str, os.stat_result | None]]) -> str:
    """Digest of names, sizes and times of change, in whatever order the files come.

    Args:
        files: relative path and status; None: the file does not exist.
    """
    total = count = 0
    for path, status in files:
        state = f"{status.st_size} {status.st_mtime_ns}" if status else "missing"
        # A sum of digests: the order does not matter and nothing needs to be kept for sorting.
        line = hashlib.blake2b(f"{path}\0{state}".encode(), digest_size=16).digest()
        total = (total + int.from_bytes(line, "big")) % 2**128
        count += 1
    return f"{count}-{total:032x}"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return entry.name.lower().endswith(SUFFIXES) and (entry.is_symlink() or entry.is_file())


def _is_named_in_unicode(entry: os.DirEntry[str]) -> bool:
    try:
        entry.path.encode()
    except UnicodeEncodeError:
        name = entry.path.encode(errors="surrogateescape").decode(errors="backslashreplace")
        warnings.warn(f"{name} was left out: its name is not UTF-8; rename it", DiffmineWarning, stacklevel=2)
        return False
    return True
