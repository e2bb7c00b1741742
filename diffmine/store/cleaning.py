"""What in a store no run refers to any more, and what is damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import filelock

from diffmine.errors import ArtifactError
from diffmine.files.names import RUN_FILE
from diffmine.store.artifacts import PARTIAL, Artifact, Store


def unreferenced(store: Store) -> list[tuple[Path, int]]:
    """(folder, bytes) of artifacts and drafts that no existing run folder names; what is being made is left alone.

    Raises:
        ArtifactError: it cannot be read what a run folder names.
    """
    referred = {named for folder in store.run_folders() for named in _named_by(folder, store)}
    return [
        (path, sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))
        for path in store.artifacts()
        if (path.parent.name, path.name.removesuffix(PARTIAL)) not in referred and not _in_use(path)
    ]


def damaged(store: Store) -> Iterator[tuple[Path, str | None]]:
    """(folder, what is wrong) of every artifact that is not in use, each read from beginning to end; None: nothing."""
    for path in store.artifacts():
        if path.suffix != PARTIAL and not path.name.startswith(".") and not _in_use(path):
            yield path, Artifact(path.parent.name, path.name, path).damage()


def _named_by(folder: Path, store: Store) -> set[tuple[str, str]]:
    """(stage, key) of the artifacts of the store that a run refers to."""
    path = folder / RUN_FILE
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        if Path(info["store"]) != store.root.resolve():
            return set()
        return {(stage, entry["key"]) for stage, entry in info["stages"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path} is damaged ({error}), so it is not known which artifacts the run needs; "
            "run its recipe again, or delete the folder"
        ) from None


def remove(store: Store, path: Path) -> None:
    """Remove an artifact or draft, and its lock."""
    key = path.name.removesuffix(PARTIAL)
    store.discard(path.parent.name, key)
    path.with_name(f"{key}.lock").unlink(missing_ok=True)


def _in_use(path: Path) -> bool:
    lock = path.with_name(f"{path.name.removesuffix(PARTIAL)}.lock")
    if not lock.exists():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except filelock.Timeout:
        return True
