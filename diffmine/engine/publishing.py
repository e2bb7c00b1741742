"""Writing a run folder: what stages publish, and ``run.json``; at any moment readable and true."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from diffmine.engine.folder_lock import sole_writer
from diffmine.errors import ContractError
from diffmine.files.atomic import json_digest, replacement, write_atomically
from diffmine.files.names import RUN_FILE
from diffmine.plugins.manager import PluginManager
from diffmine.recipes.resolving import Components, Resolved
from diffmine.runs.notes import NOTES_FILE
from diffmine.runs.run import FORMAT, RECIPE_FILE
from diffmine.store.artifacts import PUBLIC, Artifact, Store
from diffmine.version import __version__

LINKED_FROM_BYTES = 16 << 20
"""Larger files are hard links into the store where the file system can, so that weights do not lie there twice."""


class RunWriter:
    """Holds a run folder for one writer, and publishes artifacts in it.

    Raises:
        ArtifactError: another process is writing to the folder.
    """

    def __init__(self, folder: Path, store: Store, recipe: Resolved, plugins: PluginManager) -> None:
        self.folder, self._store = folder, store
        self._held = ExitStack()
        self._recipe_text = recipe.to_toml()
        used = (field.name for field in fields(recipe.components) if field.name not in recipe.components.unused)
        self._info: dict[str, Any] = {
            "format": FORMAT,
            "name": recipe.name,
            "seed": recipe.seed,
            "diffmine": __version__,
            "plugins": {name: str(source) for name, source in plugins.sources.items()},
            "failed_plugins": _failed(plugins),
            "components": {table: origins(recipe.components, table) for table in used},
            "recipe_digest": json_digest({"name": recipe.name, "seed": recipe.seed, **recipe.components.describe()}),
            "store": str(store.root.resolve()),
            "machine": {
                "host": socket.gethostname(),
                "platform": platform.platform(),
                "python": platform.python_version(),
                "cores": os.cpu_count(),
            },
            "started": _now(),
            "finished": None,
            "complete": False,
            "stages": {},
            "leftover": {},
            "warnings": [],
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.enter_context(sole_writer(self.folder))
            self._begin()
            self._held = held.pop_all()
        return self

    def _begin(self) -> None:
        self._info["leftover"] = self._published_before()
        write_atomically(self.folder / RECIPE_FILE, self._recipe_text.encode())
        self._save()
        self._store.remember_run(self.folder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def publish(self, artifact: Artifact, *, seconds: float, reused: bool, warnings: Sequence[str]) -> None:
        """Copy a stage's public files into the run folder, take away what an earlier run left, and note the stage."""
        names = published(artifact)
        for name in names:
            _place(artifact.path / PUBLIC / name, self.folder / name)
        self._info["stages"][artifact.stage] = {
            "key": artifact.key,
            "digest": artifact.digest,
            "seconds": round(seconds, 3),
            "reused": reused,
            "published": names,
        }
        self._info["warnings"].extend(text for text in warnings if text not in self._info["warnings"])
        self._remove_leftovers([artifact.stage])
        self._save()

    def finish(self, *, complete: bool) -> None:
        """Take away what an earlier run published of stages that this one did not reach, and note that it is done."""
        self._remove_leftovers(list(self._info["leftover"]))
        self._info["finished"], self._info["complete"] = _now(), complete
        self._save()

    def _remove_leftovers(self, stages: Iterable[str]) -> None:
        """Remove what earlier runs published of these stages and no stage of this one did."""
        published = {name for entry in self._info["stages"].values() for name in entry["published"]}
        for stage in stages:
            for name in set(self._info["leftover"].pop(stage, ())) - published:
                _remove(self.folder, name)

    def _save(self) -> None:
        text = json.dumps(self._info, indent=1, ensure_ascii=False)
        write_atomically(self.folder / RUN_FILE, text.encode())

    def _published_before(self) -> dict[str, list[str]]:
        """stage -> files that earlier runs into this folder published, and that may still lie there."""
        try:
            info = json.loads((self.folder / RUN_FILE).read_text(encoding="utf-8"))
            found = {stage: set(names) for stage, names in info.get("leftover", {}).items()}
            for stage, entry in info["stages"].items():
                found.setdefault(stage, set()).update(entry["published"])
            return {stage: sorted(name for name in names if _is_inside(name)) for stage, names in found.items()}
        except (AttributeError, OSError, ValueError, KeyError, TypeError):
            return {}


def refuse_overwriting(draft: Path, artifacts: Mapping[str, Artifact]) -> None:
    """See that a stage publishes nothing over the run's own files or over what an earlier stage has published.

    Raises:
        ContractError: it would.
    """
    owners = dict.fromkeys((RUN_FILE, RECIPE_FILE, NOTES_FILE), "the run itself")
    for stage, artifact in artifacts.items():
        owners.update(dict.fromkeys(published(artifact), f"the stage {stage!r}"))
    folder = draft / PUBLIC
    for path in sorted(folder.rglob("*")):
        if (name := path.relative_to(folder).as_posix()) in owners:
            raise ContractError(f"it publishes {name!r}, which is a file of {owners[name]}; choose another name")


def published(artifact: Artifact) -> list[str]:
    """The names under which an artifact's files are published."""
    names = (PurePosixPath(name) for name in artifact.manifest["files"])
    return [name.relative_to(PUBLIC).as_posix() for name in names if name.parts[0] == PUBLIC]


def origins(components: Components, table: str) -> list[dict[str, str]]:
    """Name, plugin, distribution and version of what a table names, parts included."""
    return [origin for part in components.of_table(table) for origin in part.origins()]


def _failed(plugins: PluginManager) -> dict[str, list[str]]:
    """plugin -> what of it failed before the run began."""
    failed: dict[str, list[str]] = {}
    for failure in plugins.failures:
        failed.setdefault(failure.plugin, []).append(str(failure))
    return failed


def _place(source: Path, target: Path) -> None:
    """Make ``target`` a copy of (or a hard link to) ``source``, by one rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacement(target) as temporary:
        if source.stat().st_size < LINKED_FROM_BYTES or not _link(source, temporary):
            shutil.copyfile(source, temporary)


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _is_inside(name: str) -> bool:
    """Whether a name cannot lead out of the run folder, whoever wrote ``run.json``."""
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts


def _remove(folder: Path, name: str) -> None:
    """Remove a published file, and the folders that it leaves empty."""
    path = folder / name
    path.unlink(missing_ok=True)
    for parent in path.relative_to(folder).parents[:-1]:
        if (folder / parent).is_dir() and not any((folder / parent).iterdir()):
            (folder / parent).rmdir()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
