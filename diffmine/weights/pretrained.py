"""Checkpoints as recipes name them: a folder, or a hub id with a revision. Imports no library that takes seconds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diffmine.errors import ModelError
from diffmine.weights.fingerprint import checkpoint_fingerprint

SETTINGS = ("*.json", "*.txt", "*.model")
_WEIGHTS = re.compile(r"(diffusion_pytorch_model|model)(-\d+-of-\d+)?\.safetensors")


def fetch(
    path: str,
    *,
    parts: Sequence[str],
    revision: str | None = None,
    variant: str | None = None,
    local_files_only: bool = False,
) -> Path:
    """The folder of a checkpoint; downloaded into the hub's cache where it is a hub id.

    The commit is the one that ``checkpoint_fingerprint`` names, so what is loaded is what the store's keys say.

    Args:
        path: folder or hub id.
        parts: sub-folders whose weights are wanted; ``""`` for weights at the top.
        revision: branch, tag or commit of a hub id.
        variant: of the weights, such as ``fp16``.
        local_files_only: never ask the hub.
    Raises:
        ModelError: there is no such folder and no such checkpoint on the hub.
    """
    if Path(path).is_dir():
        return Path(path)
    from huggingface_hub import snapshot_download

    if not local_files_only:
        revision = _commit(path, revision)
    try:
        return Path(
            snapshot_download(
                path,
                revision=revision,
                allow_patterns=[*SETTINGS, *(pattern for part in parts for pattern in _weights_of(part, variant))],
                local_files_only=local_files_only,
            )
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"there is no folder {path!r}, and no such checkpoint could be fetched from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); check the name, or give a folder"
        ) from error


def _commit(path: str, revision: str | None) -> str | None:
    kind, _, commit = checkpoint_fingerprint(path, revision).partition(":")
    return commit if kind == "commit" else revision


def _weights_of(part: str, variant: str | None) -> list[str]:
    """Patterns of a part's safetensors, whole and in shards; weights of other variants match none."""
    place = f"{part}/" if part else ""
    tail = f".{variant}" if variant else ""
    names = ("diffusion_pytorch_model", "model")
    return [f"{place}{name}{tail}{shard}.safetensors" for name in names for shard in ("", "-*")]


def read_settings(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of a checkpoint, such as ``unet/config.json``.

    Raises:
        ModelError: it is missing or damaged.
    """
    try:
        settings: dict[str, Any] = json.loads((folder / name).read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a checkpoint of this kind: {name}: {error}") from error
    return settings


def check_whole(folder: Path, network: Any, missing: Iterable[str]) -> None:
    """Refuse a network some of whose weights are not in its checkpoint; a library would make them up.

    Raises:
        ModelError: some are missing.
    """
    if names := sorted(missing):
        raise ModelError(
            f"{folder} lacks {len(names)} weights of a {type(network).__name__}, such as {names[0]!r}; "
            "choose a checkpoint of this architecture"
        )


def copy_part(source: Path, target: Path, *, variant: str | None) -> None:
    """Copy a frozen part of a checkpoint (safetensors, settings, vocabularies), its variant made the plain one."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        name = file.name.replace(f".{variant}", "") if variant else file.name
        if file.name.endswith(".json") and variant and ".index." in file.name:
            (target / name).write_text(file.read_text().replace(f".{variant}", ""))
        elif file.suffix in (".json", ".txt", ".model") or _WEIGHTS.fullmatch(name):
            shutil.copyfile(file, target / name)
