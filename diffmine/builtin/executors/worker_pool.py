"""Processes that each open a job once and then process shards."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from diffmine.interfaces import Job, ProcessShard, Progress

_process: ProcessShard | None = None


def run_in_processes(job: Job, shards: Sequence[int], *, workers: int, device: str, progress: Progress) -> None:
    """Process the shards in ``workers`` processes; the first exception ends the others' queue and is raised.

    On ``cuda`` the workers take this machine's GPUs in turn.
    """
    import torch

    threads = max(1, torch.get_num_threads() // workers)
    context = multiprocessing.get_context("spawn")
    opened = context.Value("i", 0)
    with ProcessPoolExecutor(workers, context, _open, (job, device, threads, opened)) as pool:
        pending = {pool.submit(_process_shard, shard): shard for shard in shards}
        try:
            for future in as_completed(pending):
                for warning in future.result():
                    progress.warn(warning)
                progress.advance(job.sizes[pending[future]])
        finally:
            pool.shutdown(cancel_futures=True)


def device_of(worker: int, device: str, gpus: int) -> str:
    """The device of a worker, numbered from 0: of several GPUs its own, if the run did not name one."""
    return f"cuda:{worker % gpus}" if device == "cuda" and gpus else device


def _open(job: Job, device: str, threads: int, opened: Any) -> None:
    global _process
    import torch

    with opened.get_lock():
        worker, opened.value = opened.value, opened.value + 1
    torch.set_num_threads(threads)
    _process = job.open(device_of(worker, device, torch.cuda.device_count()))


def _process_shard(shard: int) -> list[str]:
    assert _process is not None
    progress = Progress()
    _process(shard, progress)
    return progress.warnings
