"""What every executor keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from diffmine.interfaces import Executor, Job, ProcessShard, Progress, Silent

FAULTY = 3


@dataclass(frozen=True)
class FileJob(Job):
    """Each shard writes a file of its number; picklable, as a job must be."""

    folder: Path
    faulty: bool = False
    unit = "files"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Units in each shard."""
        return [1, 2, 3, 4, 5]

    def open(self, device: str) -> ProcessShard:
        """Nothing to load."""

        def process(number: int, progress: Progress) -> None:
            if self.faulty and number == FAULTY:
                raise ValueError(f"shard {number} on {device} broke")
            (self.folder / str(number)).write_text(device)
            progress.advance(self.sizes[number])

        return process


class Counter(Silent):
    """Counts what is done."""

    done = 0

    def advance(self, amount: int = 1) -> None:
        """Add it up."""
        self.done += amount


class ExecutorContract:
    """Subclass this and return your executor from a fixture ``executor``."""

    @pytest.mark.parametrize("shards", [[0, 1, 2, 3, 4], [4, 1], [2]])
    def test_the_shards_asked_for_are_done_and_no_others(
        self, executor: Executor, tmp_path: Path, shards: list[int]
    ) -> None:
        job, counter = FileJob(tmp_path), Counter()
        executor.run(job, shards, device="cpu", progress=counter)
        assert {int(path.name) for path in tmp_path.iterdir()} == set(shards)
        assert counter.done == sum(job.sizes[shard] for shard in shards)

    def test_a_failure_reaches_the_caller(self, executor: Executor, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="shard 3 on cpu broke"):
            executor.run(FileJob(tmp_path, faulty=True), [0, 3, 4], device="cpu", progress=Counter())
