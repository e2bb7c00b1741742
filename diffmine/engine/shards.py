"""Cutting work into shards that are committed one by one, so that a kill loses at most those in flight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors.numpy import save

from diffmine.engine.work import Work
from diffmine.files.atomic import shard_is_done, write_shard
from diffmine.interfaces import Job

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


def process(work: Work, job: Job) -> None:
    """Have the executor process the shards that an earlier attempt did not finish."""
    open_shards = [n for n in range(len(job.sizes)) if not shard_is_done(shard_path(job.folder, n))]
    work.progress.start(sum(job.sizes), job.unit)
    work.progress.advance(sum(job.sizes) - sum(job.sizes[n] for n in open_shards))
    if open_shards:
        work.components.executor.run(job, open_shards, device=work.device, progress=work.progress)
