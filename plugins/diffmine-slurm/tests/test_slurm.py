"""Executor ``slurm``, with submitit's processes on this machine in place of a cluster's tasks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from diffmine_slurm.executor import Slurm
from diffmine_slurm.parts import DONE, ShardsPart, lines, write_lines

import diffmine
from diffmine.errors import WorkerError
from diffmine.interfaces import Event, Executor, Job, ProcessShard, Progress, Task
from diffmine.testing.contracts.executors import ExecutorContract
from diffmine.testing.tiny_recipe import write_tiny_recipe


def slurm(folder: Path, **options: Any) -> Slurm:
    return Slurm(Slurm.Config(cluster="local", tasks=2, poll=0.05, folder=str(folder / "slurm"), **options))


@dataclass(frozen=True)
class Deadly(Job):
    """The process of shard 1 is killed so many times; each shard notes how often it was begun."""

    folder: Path
    deaths: int
    unit = "files"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        return [2, 3, 5, 7]

    def open(self, device: str) -> ProcessShard:
        def process(number: int, progress: Progress) -> None:
            begun = self.folder / f"{number}"
            with begun.open("a") as file:
                file.write(".")
            progress.advance(1)
            if number == 1 and len(begun.read_text()) <= self.deaths:
                os.kill(os.getpid(), signal.SIGKILL)
            progress.advance(self.sizes[number] - 1)

        return process


@dataclass(frozen=True)
class Adding(Task):
    """Returns a sum, or raises."""

    numbers: tuple[int, ...]

    def run(self, device: str, progress: Progress) -> int:
        progress.start(len(self.numbers), "numbers")
        if not self.numbers:
            raise ValueError(f"nothing to add on {device}")
        progress.warn("sums are small")
        return sum(self.numbers)


class TestSlurm(ExecutorContract):
    @pytest.fixture
    def executor(self, tmp_path_factory: pytest.TempPathFactory) -> Executor:
        return slurm(tmp_path_factory.mktemp("cluster"))


def test_a_lost_task_is_submitted_again_and_does_only_what_is_left(tmp_path: Path) -> None:
    heard: list[Event] = []
    job = Deadly(tmp_path, deaths=1)
    slurm(tmp_path).run(job, [1, 3, 0, 2], device="cpu", progress=Progress(heard.append))
    begun = {number: len((tmp_path / str(number)).read_text()) for number in range(4)}
    assert begun == {0: 1, 1: 2, 2: 1, 3: 1}
    assert sum(one.amount for one in heard if one.what == "advanced") == 17, "a shard that is cut off is counted once"


def test_a_task_that_is_lost_again_and_again_is_an_error_that_names_its_shard(tmp_path: Path) -> None:
    job = Deadly(tmp_path, deaths=9)
    with pytest.raises(WorkerError, match=r"while it processed shard 1 \(3 files\), at attempt 1; its logs are in"):
        slurm(tmp_path, retries=0).run(job, [0, 1], device="cpu", progress=Progress())


def test_a_task_gives_back_its_result_its_events_and_its_failure(tmp_path: Path) -> None:
    heard: list[Event] = []
    executor = slurm(tmp_path)
    assert executor.run_task(Adding((1, 2, 3)), device="cpu", progress=Progress(heard.append)) == 6
    assert [(one.what, one.amount or one.text) for one in heard] == [("work started", 3), ("warning", "sums are small")]
    with pytest.raises(ValueError, match="nothing to add on cpu"):
        executor.run_task(Adding(()), device="cpu", progress=Progress())


def test_nobody_else_can_put_a_job_where_tasks_look_for_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        slurm(tmp_path).run_task(Adding((1, 2)), device="cpu", progress=Progress())
    finally:
        os.umask(mask)
    (folder,) = (tmp_path / "slurm").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_line_that_was_cut_off_is_not_heard(tmp_path: Path) -> None:
    told = tmp_path / "part.jsonl"
    write_lines(told, [{DONE: 4}])
    with told.open("a") as file:
        file.write('{"done": 5')
    part = ShardsPart(tmp_path / "job.pkl", told, "cpu", (4, 5, 6))
    assert list(lines(told)) == [{DONE: 4}]
    assert part.left().shards == (5, 6)


def test_a_run_gives_what_it_gives_on_one_machine(tmp_path: Path) -> None:
    """Each in processes of its own with one thread, as sums differ in the last bits by the number of threads."""
    recipe = write_tiny_recipe(tmp_path)
    options = ["executor.use=slurm", "executor.cluster=local", "executor.tasks=2", "executor.poll=0.1"]
    there = [word for one in (*options, f"executor.folder={tmp_path / 'slurm'}") for word in ("--set", one)]
    digests = []
    for name, settings in (("here", []), ("there", there)):
        places = ["--out", str(tmp_path / name), "--store", str(tmp_path / f"{name}-store")]
        subprocess.run(
            [sys.executable, "-m", "diffmine", "run", str(recipe), "--quiet", *places, *settings],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        stages = diffmine.load_run(tmp_path / name).info["stages"]
        digests.append({stage: entry["digest"] for stage, entry in stages.items()})
    assert digests[0] == digests[1]
