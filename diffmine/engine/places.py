"""Where a run may lie: refused before anything is computed, so that no run writes over what it or another needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from diffmine.errors import ArtifactError, RecipeError, reason
from diffmine.files.names import RUN_FILE
from diffmine.plugins.explaining import shortened
from diffmine.recipes.resolving import Resolved
from diffmine.runs.run import FORMAT


def check_places(recipe: Resolved, out: Path, store: Path) -> None:
    """Refuse places for a run that would harm something.

    Args:
        recipe: what is read from its dataset's folders.
        out: the run folder, or a folder that will hold run folders.
        store: the store's folder.
    Raises:
        RecipeError: two of the run folder, the store and the dataset's folders are one, or one lies in another (but
            for the first two in a folder of which only listed files are read); or a path cannot be a folder.
        ArtifactError: the run folder is of a newer format.
    """
    written = {"--out": _folder(out, "--out"), "--store": _folder(store, "--store")}
    read = {f"[dataset] {option}": path for option, path in _folders_of(recipe)}
    listed_only = recipe.components.dataset.reads_listed_only
    for (one, first), (other, second) in combinations({**written, **read}.items(), 2):
        if one in written and not (listed_only and other in read and second in first.parents):
            _check_apart(one, first, other, second)
    _check_format(out)


def _folder(path: Path, option: str) -> Path:
    """The path without links."""
    try:
        resolved = path.resolve()
        usable = resolved.is_dir() or not resolved.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a link to itself, a NUL byte
        raise RecipeError(
            f"{option} {shortened(str(path))} cannot be a folder: {reason(error)}; name another"
        ) from None
    if not usable:
        raise RecipeError(f"{option} {path} is a file; name a folder")
    return resolved


def _folders_of(recipe: Resolved) -> Iterator[tuple[str, Path]]:
    """The folders that the dataset's options name, without links."""
    for option, path in _paths(recipe.components.dataset.config.model_dump()):
        if path.is_dir():
            yield option, path.resolve()


def _paths(options: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for name, value in options.items():
        if isinstance(value, Path):
            yield name, value
        elif isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", path) for inner, path in _paths(value))


def _check_apart(one: str, first: Path, other: str, second: Path) -> None:
    if first == second:
        raise RecipeError(f"{one} and {other} are one folder, {first}; name different ones")
    for inner, path, outer, parent in ((one, first, other, second), (other, second, one, first)):
        if path.is_relative_to(parent):
            raise RecipeError(f"{inner}, {path}, lies inside {outer}, {parent}; name folders that lie apart")


def _check_format(out: Path) -> None:
    """Refuse to write over a run of a newer version; what is older, damaged or no run may be replaced."""
    try:
        found = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if isinstance(found, int) and found > FORMAT:
        raise ArtifactError(
            f"{out} holds a run of format {found}, which a newer diffmine wrote (this one writes {FORMAT}); "
            "name another folder with --out"
        )
