"""Which checkpoint a name stands for: a digest for store keys, so that other weights never pass for the same."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

WEIGHTS_AND_SETTINGS = (".safetensors", ".json", ".txt", ".model")
"""What is read from a checkpoint folder: weights, configurations, vocabularies."""

_SNAPSHOT = re.compile(r"/models--[^/]+/snapshots/([0-9a-f]{40}(?:/.*)?)$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MARKERS = ("model_index.json", "config.json")


def checkpoint_fingerprint(path: str, revision: str | None = None) -> str:
    """Identity of a checkpoint's content.

    Args:
        path: a folder, a file, or a hub id (``owner/name``).
        revision: branch, tag or commit of a hub id; None: its main branch.
    Returns:
        ``sha256:...`` over names and bytes of the weights, configurations and vocabularies of a local folder;
        ``commit:...`` for a hub id, and for a folder inside the hub's cache. The commit is looked up in the local
        cache; only for a checkpoint that was never downloaded is the hub asked, by fetching its configuration, so that
        the first run has the same key as all later ones. ``unavailable:...`` where neither knows it; loading it will
        fail and say so.
    """
    local = Path(path)
    if not local.exists():
        return _hub_fingerprint(path, revision or "main")
    snapshot = _SNAPSHOT.search(local.absolute().as_posix())
    return f"commit:{snapshot[1]}" if snapshot else f"sha256:{_digest_of(local)}"


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _files_of(path):
        stat = file.stat()
        content = _digest_of_file(file, stat.st_size, stat.st_mtime_ns)
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = (file for file in path.rglob("*") if file.suffix in WEIGHTS_AND_SETTINGS and file.is_file())
    visible = (file for file in files if not any(p.startswith(".") for p in file.relative_to(path).parts))
    return sorted(visible, key=lambda file: file.relative_to(path).as_posix())


@cache
def _digest_of_file(file: Path, size: int, modified_ns: int) -> str:
    """SHA-256 of a file; read once a process as long as size and time of change stay."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _hub_fingerprint(repo: str, revision: str) -> str:
    if _COMMIT.fullmatch(revision):
        return f"commit:{revision}"
    commit = _cached_commit(repo, revision) or _commit_on_hub(repo, revision)
    return f"commit:{commit}" if commit else f"unavailable:{repo}@{revision}"


def _cached_commit(repo: str, revision: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for name in _MARKERS:
        try:
            found = try_to_load_from_cache(repo, name, revision=revision)
        except HFValidationError:
            return None
        if isinstance(found, str):
            return Path(found).parent.name
    return None


def _commit_on_hub(repo: str, revision: str) -> str | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    for name in _MARKERS:
        try:
            return Path(hf_hub_download(repo, name, revision=revision, etag_timeout=5)).parent.name
        except (LocalEntryNotFoundError, HFValidationError):
            return None
        except EntryNotFoundError:
            continue
        except HfHubHTTPError:
            return None
    return None
