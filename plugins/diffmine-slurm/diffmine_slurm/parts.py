"""What runs on a node: some shards of a job, or a task; what it says goes into a file that the driver reads."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import submitit

from diffmine.files.atomic import write_atomically
from diffmine.interfaces import Event, Job, Progress, Task
from diffmine.processes.failures import Failure

DONE = "done"
Told = dict[str, Any]
"""A line of a part's file: an event, or the number of a shard that is done."""


@dataclass(frozen=True)
class ShardsPart:
    """Some shards of a job.

    Attributes:
        work: the pickled job, which all parts share.
        told: receives a line for every event and every shard that is done.
        device: torch device.
        shards: their numbers.
    """

    work: Path
    told: Path
    device: str
    shards: tuple[int, ...]

    def __call__(self) -> Failure | None:
        """Process what is not done yet; what went wrong is returned, as not every exception can travel."""
        try:
            job: Job = pickle.loads(self.work.read_bytes())
            process = job.open(self.device)
            for shard in self.left().shards:
                held: list[Event] = []
                process(shard, Progress(self._teller(held.append)))
                write_lines(self.told, [*map(asdict, held), {DONE: shard}])
        except Exception as error:  # an exit is submitit's, which queues the part again
            return Failure.of(error)
        return None

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Called by submitit when time is up: the same again, in a new task."""
        return submitit.helpers.DelayedSubmission(self)

    def left(self) -> Self:
        """The same without the shards that are done."""
        done = {line[DONE] for line in lines(self.told) if DONE in line}
        return replace(self, shards=tuple(shard for shard in self.shards if shard not in done))

    def _teller(self, hold: Callable[[Event], None]) -> Callable[[Event], None]:
        """Progress counts once a shard is done, as a shard that is cut off is done again; all else is told at once."""
        return lambda event: hold(event) if event.what == "advanced" else write_lines(self.told, [asdict(event)])


@dataclass(frozen=True)
class TaskPart:
    """A task that is not cut into shards.

    Attributes:
        work: the pickled task.
        told: receives a line for every event.
        device: torch device.
    """

    work: Path
    told: Path
    device: str
    shards: tuple[int, ...] = ()

    def __call__(self) -> Any:
        """Do it, and return what it returns, or what went wrong."""
        try:
            task: Task = pickle.loads(self.work.read_bytes())
            return task.run(self.device, Progress(lambda event: write_lines(self.told, [asdict(event)])))
        except Exception as error:  # an exit is submitit's, which queues the part again
            return Failure.of(error)

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Called by submitit when time is up: the task goes on from what it left in its folders."""
        return submitit.helpers.DelayedSubmission(self)

    def left(self) -> Self:
        """All of it."""
        return self


Part = ShardsPart | TaskPart


def kept(work: Job | Task, path: Path) -> Path:
    """The work as a file, once for all parts."""
    write_atomically(path, pickle.dumps(work))
    return path


def write_lines(path: Path, told: list[Told]) -> None:
    """Add lines in one write, so that a part which is killed leaves whole ones."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(one) + "\n" for one in told))


def lines(path: Path, start: int = 0) -> Iterator[Told]:
    """The whole lines of a file from a byte on; none where it is not there."""
    for line in whole(path, start).splitlines():
        yield json.loads(line)


def whole(path: Path, start: int) -> bytes:
    """The bytes from ``start`` on, up to the last line that is whole."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
    except FileNotFoundError:
        return b""
    return content[: content.rfind(b"\n") + 1]
