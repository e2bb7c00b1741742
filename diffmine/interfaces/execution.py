"""Executors: where the heavy stages run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from diffmine.interfaces.component import Component
from diffmine.interfaces.progress import Progress

ProcessShard = Callable[[int, Progress], None]


class Job(ABC):
    """Work cut into independent shards. Picklable; a worker opens it once and then processes shards.

    Attributes:
        unit: plural noun of what a shard holds, such as ``images``.
        sizes: number of units in each shard.
        folder: where the shards are committed; workers on other machines need it to be shared.
    """

    unit: str
    folder: Path
    sizes: Sequence[int]

    def contents(self, shard: int) -> str:
        """What a shard holds, for errors; default: its number and size."""
        return f"shard {shard} ({self.sizes[shard]} {self.unit})"

    @abstractmethod
    def open(self, device: str) -> ProcessShard:
        """Load models; the function returned processes the shard of a number and commits its result by rename."""


class Task(ABC):
    """One piece of work that is not cut into shards, such as finetuning. Picklable."""

    @abstractmethod
    def run(self, device: str, progress: Progress) -> Any:
        """Do it; what it returns is picklable, and small: results proper are written to shared folders."""


class Executor(Component):
    """A recipe's ``[executor]``."""

    def run_task(self, task: Task, *, device: str, progress: Progress) -> Any:
        """Run a task where this executor computes, and return what it returns; default: in this process.

        An executor on other machines sends the task there. The task is given again after a kill, and goes on from what
        it left in its folders.
        """
        return task.run(device, progress)

    @abstractmethod
    def run(self, job: Job, shards: Sequence[int], *, device: str, progress: Progress) -> None:
        """Process the shards, in any order; return when all are committed.

        Args:
            job: the work.
            shards: numbers of the shards that are not yet done.
            device: a torch device, such as ``cpu`` or ``cuda``.
            progress: started already; ``advance`` it by the units of each shard that is committed, in this process, and
                pass on the warnings of shards that others process. A shard's function advances what it is given.
        """
