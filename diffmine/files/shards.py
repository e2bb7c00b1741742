"""Cutting work into shards that are committed one by one, so that a kill loses at most those in flight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors.numpy import save

from diffmine.files.atomic import write_shard

T = TypeVar("T")


def cut(units: Sequence[T], size: int) -> list[Sequence[T]]:
    """Consecutive shards of ``size`` units."""
    return [units[start : start + size] for start in range(0, len(units), size)]


def shard_path(folder: Path, number: int) -> Path:
    """Where the shard of a number lies, below an artifact's folder."""
    return folder / "shards" / f"{number:05d}.safetensors"


def commit_shard(folder: Path, number: int, tensors: dict[str, np.ndarray]) -> None:
    """Write a shard atomically; its digest does not depend on the order of ``tensors``."""
    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    write_shard(shard_path(folder, number), save(ordered))
