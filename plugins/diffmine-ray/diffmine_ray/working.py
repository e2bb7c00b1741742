"""What runs on a node: a worker that opens a job once and then processes shards, or does a task."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any

from diffmine.errors import DataError
from diffmine.interfaces import Event, Job, ProcessShard, Progress, Task
from diffmine.processes.failures import Failure


@dataclass(frozen=True, slots=True)
class Told:
    """What comes back from a node.

    Attributes:
        events: what the work said, in order.
        over: whether that is all.
        failure: what went wrong, as not every exception can travel.
        result: of a task that is over.
    """

    events: list[Event]
    over: bool = True
    failure: Failure | None = None
    result: Any = None


class Worker:
    """An actor; Ray calls its methods one after the other."""

    _process: ProcessShard

    def host(self) -> str:
        """Where it is, as soon as the cluster has room for it."""
        return socket.gethostname()

    def open(self, work: bytes, device: str) -> Told:
        """Load what the job needs, once."""
        try:
            job: Job = pickle.loads(work)
            if not job.folder.exists():
                raise DataError(
                    f"{self.host()} does not see {job.folder}; the store must lie in a folder that all machines see "
                    "under the same path (--store)"
                )
            self._process = job.open(device)
        except Exception as error:
            return Told([], failure=Failure.of(error))
        return Told([])

    def process(self, shard: int) -> Told:
        """Process a shard; what it says is told once it is done, as a shard that is cut off is done again."""
        events: list[Event] = []
        try:
            self._process(shard, Progress(events.append))
        except Exception as error:
            return Told(events, failure=Failure.of(error))
        return Told(events)

    def run(self, work: bytes, device: str) -> Iterator[Told]:
        """Do a task in a thread of its own, and tell what it says while it works."""
        said: Queue[Event | Told] = Queue()
        Thread(target=_do, args=(work, device, said), daemon=True).start()
        over = False
        while not over:
            told = _what_was_said(said)
            over = told.over
            yield told


def _do(work: bytes, device: str, said: Queue[Event | Told]) -> None:
    try:
        task: Task = pickle.loads(work)
        said.put(Told([], result=task.run(device, Progress(said.put))))
    except BaseException as error:
        said.put(Told([], failure=Failure.of(error)))


def _what_was_said(said: Queue[Event | Told]) -> Told:
    """All that waits to be told together, after the first of it has come."""
    events: list[Event] = []
    while True:
        one = said.get()
        if isinstance(one, Told):
            return Told(events, failure=one.failure, result=one.result)
        events.append(one)
        if said.empty():
            return Told(events, over=False)
