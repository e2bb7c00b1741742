"""What every executor keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from diffmine.interfaces import Event, Executor, Job, ProcessShard, Progress

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


class ExecutorContract:
    """Subclass this and return your executor from a fixture ``executor``."""

    @pytest.mark.parametrize("shards", [[0, 1, 2, 3, 4], [4, 1], [2]])
    def test_the_shards_asked_for_are_done_and_no_others(
        self, executor: Executor, tmp_path: Path, shards: list[int]
    ) -> None:
        job, heard = FileJob(tmp_path), list[Event]()
        executor.run(job, shards, device="cpu", progress=Progress(heard.append))
        assert {int(path.name) for path in tmp_path.iterdir()} == set(shards)
        assert {event.what for event in heard} == {"advanced"}, "the stage has started the count"
        assert sum(event.amount for event in heard) == sum(job.sizes[shard] for shard in shards)

    def test_a_failure_reaches_the_caller(self, executor: Executor, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="shard 3 on cpu broke"):
            executor.run(FileJob(tmp_path, faulty=True), [0, 3, 4], device="cpu", progress=Progress())
