"""Samples in tar files as WebDataset lays them out, and where each file in a tar begins.

https://github.com/webdataset/webdataset#the-webdataset-format: the files of a sample follow each other and share their
name up to the first dot of its last part; what follows the dot says what a file is.
"""

from __future__ import annotations

import tarfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from diffmine.errors import DiffmineWarning


class Member(NamedTuple):
    """A file in a tar.

    Attributes:
        name: as stored, without a leading ``./``.
        offset: of its content in the tar, bytes.
        size: of its content, bytes.
    """

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The files of one sample.

    Attributes:
        key: their common name.
        members: extension in lower case, such as ``jpg`` or ``seg.png`` -> the file.
    """

    key: str
    members: Mapping[str, Member]


def members(shard: Path) -> Iterator[Member]:
    """The plain files of a tar, in order; where it is damaged or cut off, those before that, with a warning."""
    count = end = 0
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                tar.members = []  # type: ignore[attr-defined]  # it would keep every header
                end = info.offset_data + -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if info.isfile() and (name := _inside(info.name)):
                    count += 1
                    yield Member(name, info.offset_data, info.size)
        damage = None if _ends_at(shard, end) else "it is cut off"
    except (tarfile.TarError, EOFError, ValueError) as error:
        damage = str(error)
    if damage:
        text = f"{shard} is damaged after {count} files ({damage}); what follows there is left out"
        warnings.warn(text, DiffmineWarning, stacklevel=2)


def _ends_at(shard: Path, end: int) -> bool:
    """Whether the empty block that closes a tar is there; tarfile takes the end of the file for it."""
    with shard.open("rb") as file:
        file.seek(end)
        return file.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)


def samples(shard: Path) -> Iterator[Sample]:
    """The samples of a tar, in order."""
    for key, found in groupby(members(shard), lambda member: split_name(member.name)[0]):
        yield Sample(key, {split_name(member.name)[1]: member for member in found})


def split_name(name: str) -> tuple[str, str]:
    """(key, extension in lower case) of a file: ``a.b/000.seg.png`` -> (``a.b/000``, ``seg.png``)."""
    folder, slash, file = name.rpartition("/")
    stem, _, extension = file.partition(".")
    return folder + slash + stem, extension.lower()


class Directory:
    """Where the files of one tar begin, in some forty bytes a file."""

    def __init__(self, shard: Path) -> None:
        found = sorted((member.name.encode(), member.offset, member.size) for member in members(shard))
        self._shard = shard
        self._names = np.array([name for name, _, _ in found], dtype=np.bytes_)
        self._places = np.array([place for _, *place in found], dtype=np.int64).reshape(-1, 2)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none of this name.
            OSError: the tar cannot be read.
        """
        wanted = name.encode()
        row = int(np.searchsorted(self._names, wanted)) if len(self._names) else 0
        if row == len(self._names) or self._names[row] != wanted:
            raise FileNotFoundError(2, "no such file in the tar", f"{self._shard}/{name}")
        offset, size = self._places[row].tolist()
        with self._shard.open("rb") as file:
            file.seek(offset)
            return file.read(size)


def _inside(name: str) -> str | None:
    """The name without a leading ``./``; None where it leads out of the tar, or is hidden."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or parts[-1].startswith("."):
        return None
    return "/".join(parts)
