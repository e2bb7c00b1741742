"""Cutting work into shards that are committed one by one, so that a kill loses at most those in flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors.numpy import save

from diffmine.engine.warning_channel import routed_warnings
from diffmine.engine.work import Work
from diffmine.errors import ContractError
from diffmine.files.atomic import shard_is_done, write_shard
from diffmine.interfaces import Job, ProcessShard, Progress
from diffmine.interfaces.boundary import blaming, own_work

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
    if not open_shards:
        return
    executor = work.components.executor
    executor.run(AttendedJob(job), open_shards, device=work.device, progress=work.progress)
    if missing := [number for number in open_shards if not shard_path(job.folder, number).exists()]:
        with blaming(executor):
            raise ContractError(f"run returned before {job.contents(missing[0])} was done; it returns when all are")


@dataclass(frozen=True)
class AttendedJob(Job):
    """A job as executors are given it.

    Whatever the process: ``warnings.warn`` reaches the progress, and an exception of the job's own code is
    diffmine's, not the executor's that calls it.
    """

    job: Job

    @property
    def unit(self) -> str:  # type: ignore[override]
        """That of the job."""
        return self.job.unit

    @property
    def folder(self) -> Path:  # type: ignore[override]
        """That of the job."""
        return self.job.folder

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Those of the job."""
        return self.job.sizes

    def contents(self, shard: int) -> str:
        return self.job.contents(shard)

    def open(self, device: str) -> ProcessShard:
        """Open the job; what it warns of is told with the first shard, for want of a progress before."""
        heard: list[str] = []
        with own_work(), routed_warnings(heard.append):
            process = self.job.open(device)

        def attended(shard: int, progress: Progress) -> None:
            while heard:
                progress.warn(heard.pop(0))
            with own_work(), routed_warnings(progress.warn):
                process(shard, progress)

        return attended
