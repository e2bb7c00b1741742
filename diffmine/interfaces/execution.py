"""Executors: where the heavy stages run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

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


class Executor(Component):
    """A recipe's ``[executor]``."""

    @abstractmethod
    def run(self, job: Job, shards: Sequence[int], *, device: str, progress: Progress) -> None:
        """Process the shards, in any order; return when all are committed.

        Args:
            job: the work.
            shards: numbers of the shards that are not yet done.
            device: a torch device, such as ``cpu`` or ``cuda``.
            progress: told of units done.
        """
