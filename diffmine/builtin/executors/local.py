"""On this machine: in this process, or in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Executor, Job, Progress


class Local(Executor):
    """On this machine, in this process or in several."""

    name = "local"

    class Config(ComponentConfig):
        """Options of ``local``."""

        workers: Annotated[int, OUTSIDE_KEY] = Field(
            1,
            ge=1,
            description="processes; each loads the model, so more than one pays where a model leaves cores idle",
        )

    config: Config

    def run(self, job: Job, shards: Sequence[int], *, device: str, progress: Progress) -> None:
        workers = min(self.config.workers, len(shards))
        if workers < 2:
            process = job.open(device)
            for shard in shards:
                process(shard, progress)
            return
        from diffmine.builtin.executors.worker_pool import run_in_processes

        run_in_processes(job, shards, workers=workers, device=device, progress=progress)
