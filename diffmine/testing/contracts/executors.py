"""What every executor keeps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from diffmine.engine.shards import AttendedJob
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import Event, Executor, Job, ProcessShard, Progress
from diffmine.interfaces.boundary import Culprit, accuse, culprit_of

FAULTY = 3
CULPRIT = Culprit("TypicalityScorer", "a scorer", "a_plugin")


class OddError(Exception):
    """Cannot be pickled, and cannot be made of its text."""

    def __init__(self, shard: int, device: str) -> None:
        super().__init__(f"shard {shard} on {device} is odd")
        self.cannot_travel = lambda: shard


@dataclass(frozen=True)
class FileJob(Job):
    """Each shard writes a file of its number; picklable, as a job must be."""

    folder: Path
    faulty: bool = False
    odd: Literal["", "open", "shard"] = ""
    warns: bool = False
    unit = "files"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Units in each shard."""
        return [1, 2, 3, 4, 5]

    def open(self, device: str) -> ProcessShard:
        """Nothing to load."""
        if self.warns:
            warnings.warn("heard on opening", DiffmineWarning, stacklevel=2)
        if self.odd == "open":
            raise OddError(-1, device)

        def process(number: int, progress: Progress) -> None:
            if self.faulty and number == FAULTY:
                error = ValueError(f"shard {number} on {device} broke")
                accuse(error, CULPRIT)
                raise error
            if self.odd == "shard":
                raise OddError(number, device)
            if self.warns:
                warnings.warn(f"heard from shard {number}", DiffmineWarning, stacklevel=2)
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
        with pytest.raises(ValueError, match="shard 3 on cpu broke") as caught:
            executor.run(FileJob(tmp_path, faulty=True), [0, 3, 4], device="cpu", progress=Progress())
        assert culprit_of(caught.value) == CULPRIT

    @pytest.mark.parametrize("odd", ["open", "shard"])
    def test_so_does_one_that_cannot_be_pickled(
        self, executor: Executor, tmp_path: Path, odd: Literal["open", "shard"]
    ) -> None:
        with pytest.raises(Exception, match=r"shard -?\d on cpu is odd"):
            executor.run(FileJob(tmp_path, odd=odd), [0, 1], device="cpu", progress=Progress())

    def test_warnings_reach_the_caller_from_wherever_they_are_raised(self, executor: Executor, tmp_path: Path) -> None:
        counter = Progress()
        executor.run(AttendedJob(FileJob(tmp_path, warns=True)), [0, 3, 4], device="cpu", progress=counter)
        assert set(counter.warnings) == {"heard on opening", *(f"heard from shard {number}" for number in (0, 3, 4))}
