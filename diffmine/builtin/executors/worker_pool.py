"""Processes that each open a job once and then process shards, one after the other."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from diffmine.errors import WorkerError
from diffmine.interfaces import Job, Progress
from diffmine.processes.failures import Failure
from diffmine.processes.orphans import end_with_parent

READY = "ready"
FAILED = "failed"
HEARD = "heard"
PATIENCE = 5.0
"""Seconds that a worker has to end when it is told to."""


@dataclass
class Worker:
    """A process, the pipe to it, and the shard that it has; None: it opens the job, or is done."""

    process: SpawnProcess
    pipe: Connection
    shard: int | None = None


def run_in_processes(job: Job, shards: Sequence[int], *, workers: int, device: str, progress: Progress) -> None:
    """Process the shards in ``workers`` processes; the first exception ends all of them and is raised.

    On ``cuda`` the workers take this machine's GPUs in turn.

    Raises:
        WorkerError: a worker died, or its exception cannot travel.
    """
    left = iter(shards)
    with _started(pickle.dumps(job), workers, device) as running:
        while running:
            for pipe in wait(list(running)):
                worker = running[pipe]
                try:
                    kind, *rest = worker.pipe.recv()
                except EOFError:
                    raise WorkerError(_obituary(worker, job)) from None
                if kind == FAILED:
                    raise rest[0].exception()
                if kind == HEARD:
                    progress.retell(rest[0])
                    continue
                worker.shard = next(left, None)
                worker.pipe.send(worker.shard)
                if worker.shard is None:
                    del running[pipe]


def device_of(worker: int, device: str, gpus: int) -> str:
    """The device of a worker, numbered from 0: of several GPUs its own, if the run did not name one."""
    return f"cuda:{worker % gpus}" if device == "cuda" and gpus else device


@contextmanager
def _started(job: bytes, count: int, device: str) -> Iterator[dict[Any, Worker]]:
    """Workers by their pipes; none is left behind."""
    context = multiprocessing.get_context("spawn")
    threads = max(1, _threads() // count)
    started = []
    try:
        for number in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, job, number, device, threads))
            process.start()
            there.close()  # so that the pipe ends when the worker does
            started.append(Worker(process, here))
        yield {worker.pipe: worker for worker in started}
    except BaseException:
        for worker in started:
            worker.process.terminate()
        raise
    finally:
        for worker in started:
            worker.process.join(PATIENCE)
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _threads() -> int:
    """Threads that this process computes with."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _obituary(worker: Worker, job: Job) -> str:
    worker.process.join()
    status = worker.process.exitcode or 0
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    where = "it opened the job" if worker.shard is None else f"it processed {job.contents(worker.shard)}"
    memory = ", perhaps for want of memory" if status == -signal.SIGKILL else ""
    return (
        f"worker process {worker.process.pid} {how} while {where}{memory}; what was finished is kept; "
        "run it again, with fewer [executor] workers if memory is short"
    )


def _work(pipe: Connection, pickled: bytes, number: int, device: str, threads: int) -> None:
    """What a worker does: open the job, then process the shards that it is told until it is told None."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    try:
        _use_threads(threads)
        gpus = _gpus() if device == "cuda" else 0
        process = pickle.loads(pickled).open(device_of(number, device, gpus))
        progress = Progress(lambda event: pipe.send((HEARD, event)))
        pipe.send((READY,))
        while (shard := pipe.recv()) is not None:
            process(shard, progress)
            pipe.send((READY,))
    except BaseException as error:
        pipe.send((FAILED, Failure.of(error)))


def _use_threads(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
