"""What the driver does: submit parts, pass on what they say, submit again what was lost, until all are done."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError, UncompletedJobError

from diffmine.errors import WorkerError
from diffmine.interfaces import Event, Job, Progress
from diffmine.processes.failures import Failure
from diffmine_slurm.parts import DONE, Part, whole

LOST = (UncompletedJobError, FailedJobError, FailedSubmissionError)


@dataclass
class Running:
    """A part, where it runs, and how much of what it says was heard.

    Attributes:
        attempts: how often it was submitted before.
        heard: bytes of its file.
        done: shards that it has told of.
    """

    part: Part
    where: submitit.Job[Any]
    attempts: int = 0
    heard: int = 0
    done: set[int] = field(default_factory=set)

    def listen(self, progress: Progress) -> None:
        """Pass on what is new."""
        content = whole(self.part.told, self.heard)
        self.heard += len(content)
        for line in content.splitlines():
            told = json.loads(line)
            if DONE in told:
                self.done.add(told[DONE])
            else:
                progress.retell(Event(**{**told, "names": tuple(told["names"])}))


def watch(
    parts: Sequence[Part],
    executor: submitit.Executor,
    job: Job | None,
    progress: Progress,
    *,
    retries: int,
    poll: float,
) -> list[Any]:
    """Run the parts, and return what they return; whatever is raised, none is left running.

    Raises:
        WorkerError: a part was lost more often than it may be.
    """
    submitted = executor.submit_array(list(parts)) if len(parts) > 1 else [executor.submit(parts[0])]
    running = [Running(part, where) for part, where in zip(parts, submitted, strict=True)]
    results: dict[int, Any] = {}
    try:
        while len(results) < len(running):
            for number, one in enumerate(running):
                if number not in results and _is_over(one, progress):
                    try:
                        results[number] = _result(one)
                    except LOST as error:
                        _again(one, executor, job, retries, error)
            time.sleep(poll if len(results) < len(running) else 0)
    finally:
        for number, one in enumerate(running):
            if number not in results:
                one.where.cancel(check=False)
    return [results[number] for number in range(len(running))]


def _is_over(one: Running, progress: Progress) -> bool:
    over = one.where.done()
    one.listen(progress)  # after it was asked, so that what it said last is heard
    return over


def _result(one: Running) -> Any:
    result = one.where.result()
    if isinstance(result, Failure):
        raise result.exception()
    return result


def _again(one: Running, executor: submitit.Executor, job: Job | None, retries: int, error: Exception) -> None:
    """Submit what is left of a part that was lost."""
    left = one.part.left()
    if one.attempts >= retries:
        what = job.contents(left.shards[0]) if job is not None and left.shards else "finetuning"
        raise WorkerError(
            f"task {one.where.job_id} was lost while it processed {what}, at attempt {one.attempts + 1}; "
            f"its logs are in {one.where.paths.folder}; what was finished is kept; raise [executor] retries to go on"
        ) from error
    one.part, one.attempts = left, one.attempts + 1
    one.where = executor.submit(left)
