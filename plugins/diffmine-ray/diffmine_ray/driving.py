"""Ray's driver, in a process of its own, and the pipe to it.

Ray writes to the terminal from threads of its own, takes over signals, and aborts its process when it has missed the
cluster for long; none of that shall befall the process that people look at. Between two pieces of work the driver stays
connected, without any worker.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from diffmine.errors import WorkerError
from diffmine.interfaces import Event, Progress
from diffmine.processes.failures import Failure
from diffmine.processes.orphans import end_with_parent
from diffmine_ray.answering import LOOK, answers

if TYPE_CHECKING:
    from diffmine_ray.cluster import Cluster
    from diffmine_ray.executor import RayConfig

TO_CONNECT = 90.0
"""Seconds that a driver has to connect with a cluster, or to start one."""
TO_END = 5.0
"""Seconds that a driver has to end when it is told to."""


@dataclass(frozen=True, slots=True)
class Result:
    """What work returns, on its way through the pipe."""

    value: Any


@dataclass
class Driver:
    """The process and the pipe to it, through which come lists of events and, once for each work, what became of it.

    Attributes:
        config: of the executor, filled in.
        process: where Ray is.
        pipe: this end of it.
        log: what the process writes.
        head: the cluster's, host:port.
    """

    config: RayConfig
    process: SpawnProcess
    pipe: Connection
    log: IO[bytes]
    head: str = ""

    @classmethod
    def started(cls, config: RayConfig) -> Self:
        """A new one, which is connected with the cluster.

        Raises:
            WorkerError: there is no cluster, or it does not answer.
        """
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        handle, name = tempfile.mkstemp(prefix="diffmine-ray-")
        # A daemon, so that it ends with this process; it does so after a kill -9, too.
        process = context.Process(target=_work, args=(there, Path(name), config), daemon=True)
        process.start()
        there.close()  # so that the pipe ends when the process does
        driver = cls(config, process, here, os.fdopen(handle, "rb"))
        try:
            if not here.poll(TO_CONNECT):
                raise WorkerError(
                    f"the Ray cluster at {config.address} has not answered within {TO_CONNECT:g} s; see whether "
                    "`ray status` works on this machine"
                )
            driver.head = _said(driver._outcome(Progress()))
        except BaseException:
            driver.end()
            raise
        finally:
            Path(name).unlink(missing_ok=True)
        return driver

    def do(self, work: bytes, shards: tuple[int, ...] | None, progress: Progress) -> Any:
        """Have pickled work done; see :func:`drive`."""
        try:
            self.pipe.send((work, shards))
            outcome = self._outcome(progress)
        except BaseException:
            self.end()
            raise
        _idle.append(self)
        return _said(outcome)

    def end(self) -> None:
        """End the process, and its workers with it."""
        self.pipe.close()
        self.process.terminate()
        self.process.join(TO_END)
        self.process.kill()
        self.process.join()

    def _outcome(self, progress: Progress) -> Result | Failure:
        """What became of the work; events are passed on until it is known.

        Raises:
            WorkerError: the head does not answer, or the process is gone.
        """
        seen = time.monotonic()
        while True:
            try:
                heard = self.pipe.recv() if self.pipe.poll(LOOK) else []
            except EOFError:
                raise WorkerError(self._obituary()) from None
            if isinstance(heard, Result | Failure):
                return heard
            for event in heard:
                progress.retell(event)
            # Asked here, as Ray's calls hang in the process without a head.
            if heard or not self.head or answers(self.head):
                seen = time.monotonic()
            elif time.monotonic() > seen + self.config.patience:
                raise WorkerError(
                    f"the head of the Ray cluster, {self.head}, has not answered for {time.monotonic() - seen:.0f} s; "
                    "what was finished is kept; run it again when the cluster is back"
                )

    def _obituary(self) -> str:
        self.process.join(TO_END)
        said = self.log.read().decode(errors="replace").strip()
        last = f" ({said.splitlines()[-1].strip()})" if said else ""
        return (
            f"the process that talks with the Ray cluster ended with status {self.process.exitcode}{last}; what was "
            "finished is kept; run it again"
        )


_idle: list[Driver] = []
"""At most one, for the next work."""


def drive(config: RayConfig, work: bytes, shards: tuple[int, ...] | None, progress: Progress) -> Any:
    """Have a cluster do the shards of a pickled job or, where they are None, a pickled task.

    Returns:
        what the task returns; None of a job.

    Raises:
        Exception: as a shard or the task raised it.
        WorkerError: the cluster cannot be reached or is gone, or the work has cost too many workers.
    """
    driver = _idle.pop() if _idle else None
    if driver and not (driver.process.is_alive() and driver.config == config):
        driver.end()
        driver = None
    return (driver or Driver.started(config)).do(work, shards, progress)


def _said(outcome: Result | Failure) -> Any:
    if isinstance(outcome, Failure):
        raise outcome.exception()
    return outcome.value


def _work(pipe: Connection, log: Path, config: RayConfig) -> None:
    """What the process does: connect, then do what it is told until the pipe ends."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process
    _write_to(log)
    _quieten(config.patience)
    try:
        from diffmine_ray.cluster import Cluster

        cluster = Cluster(config)
    except Exception as error:
        pipe.send(Failure.of(error))
        return
    pipe.send(Result(cluster.head))
    with suppress(EOFError):
        while True:
            work, shards = pipe.recv()
            pipe.send(_outcome_of(cluster, work, shards, pipe.send))


def _outcome_of(
    cluster: Cluster, work: bytes, shards: tuple[int, ...] | None, tell: Callable[[list[Event]], None]
) -> Result | Failure:
    from diffmine_ray.conducting import Conductor, run_task

    cluster.begin()
    try:
        if shards is None:
            return Result(run_task(cluster, work, tell))
        Conductor(cluster, work, shards, tell).conduct()
        return Result(None)
    except Exception as error:
        return Failure.of(error)


def _write_to(log: Path) -> None:
    """Send what this process and its threads write to a file."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)


def _quieten(patience: float) -> None:
    """Set what Ray reads from the environment when it is imported."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent to Ray's makers
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # no warning of a change to come
    os.environ.setdefault("RAY_worker_niceness", "0")  # a cluster that is started here computes as others do
    # Ray aborts the process when it has missed the head for so long; this is said by the parent before.
    os.environ["RAY_gcs_rpc_server_reconnect_timeout_s"] = str(int(10 * patience + 60))  # noqa: SIM112 - its name
