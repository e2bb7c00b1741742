"""Artifacts: content-addressed, complete or absent, verified before they are used.

Layout::

    STORE/format.json
    STORE/<stage>/<key>/            a complete artifact; manifest.json lists every file with its SHA-256
    STORE/<stage>/<key>.partial/    work in progress, kept when a run is killed, given to the next run
    STORE/<stage>/<key>.lock        held while an artifact is made; the system frees it when its owner dies
    STORE/<stage>/<key>.verified    which files of the artifact were last read whole when (:mod:`diffmine.store.stamps`)
    STORE/remembered/<key>.json     a value that outlives its stage's key (:mod:`diffmine.store.remembering`)
    STORE/runs/<digest>.json        where a run folder lies, so that ``clean`` knows what is still referred to
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock

from diffmine.errors import ArtifactError
from diffmine.files.atomic import DIGEST_SUFFIX, file_digest, json_digest, sync_file, sync_folder, write_atomically
from diffmine.files.names import RUN_FILE
from diffmine.store.stamps import Stamp

FORMAT = 1
FORMAT_FILE = "format.json"
MANIFEST = "manifest.json"
SEAL = "seal"
"""Key of the digest of everything else in a manifest; those written before there were seals lack it."""
PARTIAL = ".partial"
CONDEMNED = ".old"
WORKSPACE = ".workspace"
PUBLIC = "public"
"""Subfolder of an artifact whose files are published in the run folder."""
RUNS = "runs"

_CONDEMNED = re.compile(rf"\..+\.\d+{re.escape(CONDEMNED)}")


@dataclass(frozen=True)
class Artifact:
    """A complete artifact.

    Attributes:
        stage, key: its address.
        path: its folder; never written to.
    """

    stage: str
    key: str
    path: Path

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """``format``, ``digest``, ``files`` (name -> size and sha256), ``facts``, and the seal over all of them."""
        manifest: Mapping[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    @property
    def digest(self) -> str:
        """Digest of the content: equal for equal results, whatever computed them."""
        return str(self.manifest["digest"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """Timings, warnings and the like; not part of the digest."""
        facts: Mapping[str, Any] = self.manifest["facts"]
        return facts

    def damage(self, trusted: Collection[str] = ()) -> str | None:
        """What is wrong with the artifact, or None when its manifest and every file in it are as they were written.

        Args:
            trusted: files that need not be read.
        """
        try:
            if not _is_sealed(self.manifest):
                return f"{MANIFEST} has changed"
            entries = [(name, entry["size"], entry["sha256"]) for name, entry in self.manifest["files"].items()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"its manifest cannot be read ({error})"
        for name, size, digest in entries:
            path = self.path / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != size or (name not in trusted and file_digest(path) != digest):
                return f"{name} has changed"
        return None


class Store:
    """A folder of artifacts, shared by any number of runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._check_format()

    def find(self, stage: str, key: str) -> Artifact | None:
        """The artifact, if it is complete; files that have not changed since they were last read are not read again.

        Raises:
            ArtifactError: it is there but damaged; ``discard`` it to have it computed again.
        """
        artifact = Artifact(stage, key, self._path(stage, key))
        if not artifact.path.exists():
            return None
        stamp = Stamp.of(artifact.path)
        trusted = stamp.trusted()
        if damage := artifact.damage(trusted):
            raise ArtifactError(f"the stored artifact {artifact.path} is damaged: {damage}")
        if not trusted.issuperset(artifact.manifest["files"]):
            stamp.write(artifact.manifest["files"])
        return artifact

    def peek(self, stage: str, key: str) -> Artifact | None:
        """The artifact, if it is there; only its manifest is read, and one that is damaged counts as none."""
        artifact = Artifact(stage, key, self._path(stage, key))
        try:
            return artifact if _is_sealed(artifact.manifest) else None
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def discard(self, stage: str, key: str) -> None:
        """Remove an artifact and what is left of earlier attempts at it."""
        path = self._path(stage, key)
        Stamp.of(path).remove()
        for folder in (path, self._partial(path)):
            if folder.exists():
                condemned = folder.with_name(f".{folder.name}.{os.getpid()}{CONDEMNED}")
                folder.rename(condemned)
                shutil.rmtree(condemned)

    @contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Hold the right to make an artifact; waits for another run that is making it."""
        path = self._path(stage, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(f"{key}.lock")):
            yield

    def draft(self, stage: str, key: str) -> Path:
        """The partial folder of an artifact, with whatever an interrupted run left there.

        Its subfolder ``WORKSPACE`` is for checkpoints and the like, and is left out of the artifact.
        """
        partial = self._partial(self._path(stage, key))
        partial.mkdir(parents=True, exist_ok=True)
        return partial

    def commit(self, stage: str, key: str, facts: Mapping[str, Any]) -> Artifact:
        """Make a draft an artifact: digests, manifest, one rename."""
        partial = self.draft(stage, key)
        shutil.rmtree(partial / WORKSPACE, ignore_errors=True)
        files = {}
        for path in sorted(_files(partial)):
            if path.name == MANIFEST or path.name.endswith(DIGEST_SUFFIX) or path.suffix == ".tmp":
                path.unlink()
                continue
            sync_file(path)
            name = path.relative_to(partial).as_posix()
            files[name] = {"size": path.stat().st_size, "sha256": file_digest(path)}
        digest = json_digest({name: entry["sha256"] for name, entry in files.items()})
        manifest = _sealed({"format": FORMAT, "digest": digest, "files": files, "facts": dict(facts)})
        write_atomically(partial / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
        path = self._path(stage, key)
        partial.rename(path)
        sync_folder(path.parent)
        Stamp.of(path).write(files)
        return Artifact(stage, key, path)

    def remember_run(self, run_folder: Path) -> None:
        """Note that a run folder refers to artifacts of this store."""
        path = str(run_folder.resolve())
        name = hashlib.sha256(path.encode()).hexdigest()[:20]
        write_atomically(self.root / RUNS / f"{name}.json", json.dumps({"path": path}).encode())

    def run_folders(self) -> list[Path]:
        """The run folders that were remembered and still exist.

        Raises:
            ArtifactError: a note of one cannot be read.
        """
        folders = [_noted(note) for note in sorted((self.root / RUNS).glob("*.json"))]
        return [folder for folder in folders if (folder / RUN_FILE).exists()]

    def artifacts(self) -> Iterator[Path]:
        """Folders of artifacts, of drafts and of what an interrupted removal left; nothing that others put there."""
        for stage in sorted(self.root.iterdir()):
            if stage.is_dir() and stage.name != RUNS:
                yield from (path for path in sorted(stage.iterdir()) if _is_own(path))

    def _path(self, stage: str, key: str) -> Path:
        return self.root / stage / key

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(path.name + PARTIAL)

    def _check_format(self) -> None:
        path = self.root / FORMAT_FILE
        if not path.exists():
            write_atomically(path, json.dumps({"format": FORMAT}).encode())
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{path} is damaged ({error}); delete this one file to go on with the store as it is, "
                "or name another folder with --store"
            ) from None
        if found != FORMAT:
            raise ArtifactError(
                f"the store {self.root} has format {found}, this diffmine reads format {FORMAT}; "
                "name another folder with --store"
            )


def _sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {**manifest, SEAL: json_digest(manifest)}


def _is_sealed(manifest: Mapping[str, Any]) -> bool:
    content = {key: value for key, value in manifest.items() if key != SEAL}
    if SEAL in manifest:
        return bool(manifest[SEAL] == json_digest(content))
    # Of before there were seals; any other key is a seal whose name was damaged.
    return set(content) == {"format", "digest", "files", "facts"}


def _is_own(path: Path) -> bool:
    """Whether the store made a folder: it has a manifest, or a draft's or a condemned folder's name, or a lock."""
    if path.is_symlink() or not path.is_dir() or (path / RUN_FILE).exists():
        return False
    if path.name.endswith(PARTIAL) or _CONDEMNED.fullmatch(path.name) or path.with_name(f"{path.name}.lock").exists():
        return True
    try:
        return {"digest", "files"} <= set(json.loads((path / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False


def _noted(note: Path) -> Path:
    """The run folder that a note names."""
    try:
        return Path(json.loads(note.read_text(encoding="utf-8"))["path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{note} is damaged ({error}), so it is not known which run refers to the store; delete it if none does"
        ) from None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
