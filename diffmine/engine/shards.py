"""Having an executor do what is left of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffmine.engine.warning_channel import routed_warnings
from diffmine.errors import ContractError
from diffmine.files.atomic import shard_is_done
from diffmine.files.shards import shard_path
from diffmine.interfaces import Executor, Job, ProcessShard, Progress, Task
from diffmine.interfaces.boundary import blaming, own_work


def process(job: Job, executor: Executor, *, device: str, progress: Progress) -> None:
    """Have the executor process the shards that an earlier attempt did not finish."""
    sizes = job.sizes  # once, as a job may count anew each time
    open_shards = [n for n in range(len(sizes)) if not shard_is_done(shard_path(job.folder, n))]
    progress.start(sum(sizes), job.unit)
    progress.advance(sum(sizes) - sum(sizes[n] for n in open_shards))
    if not open_shards:
        return
    executor.run(AttendedJob(job), open_shards, device=device, progress=progress)
    if missing := [number for number in open_shards if not shard_path(job.folder, number).exists()]:
        with blaming(executor):
            raise ContractError(f"run returned before {job.contents(missing[0])} was done; it returns when all are")


@dataclass(frozen=True)
class AttendedTask(Task):
    """A task as executors are given it; see :class:`AttendedJob`."""

    task: Task

    def run(self, device: str, progress: Progress) -> Any:
        with own_work(), routed_warnings(progress.warn):
            return self.task.run(device, progress)


@dataclass(frozen=True)
class AttendedJob(Job):
    """A job as executors are given it.

    Whatever the process: ``warnings.warn`` reaches the progress, and an exception of the job's own code is the
    stage's, not the executor's that calls it.
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
