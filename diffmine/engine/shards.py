"""Having an executor do what is left of a job."""

from __future__ import annotations

from diffmine.files.atomic import shard_is_done
from diffmine.files.shards import shard_path
from diffmine.interfaces import Executor, Job, Progress


def process(job: Job, executor: Executor, *, device: str, progress: Progress) -> None:
    """Have the executor process the shards that an earlier attempt did not finish."""
    open_shards = [n for n in range(len(job.sizes)) if not shard_is_done(shard_path(job.folder, n))]
    progress.start(sum(job.sizes), job.unit)
    progress.advance(sum(job.sizes) - sum(job.sizes[n] for n in open_shards))
    if open_shards:
        executor.run(job, open_shards, device=device, progress=progress)
