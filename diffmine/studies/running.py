"""Running the points of a study, one after the other or in parallel processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from diffmine.engine import running
from diffmine.engine.pipeline import Watcher
from diffmine.errors import DiffmineError
from diffmine.processes.orphans import end_with_parent
from diffmine.studies.points import Point
from diffmine.studies.relay import INTERVAL, Relay, Sender

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a study.

    Attributes:
        folder: receives a run folder for each point.
        store: shared by all runs; what several of them need is computed once.
        device: ``auto`` or a torch device.
        workers: runs at once.
    """

    folder: Path
    store: Path
    device: str = "auto"
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a point.

    Attributes:
        point: the run.
        folder: its run folder.
        seconds: wall time, waiting for shared stages included.
        error: why it failed; None: it is complete.
    """

    point: Point
    folder: Path
    seconds: float
    error: str | None = None


class StudyWatcher(Protocol):
    """Told how a study goes; the terminal shows it."""

    def planned(self, runs: int) -> None:
        """So many runs there will be."""

    def run_started(self, name: str) -> Watcher:
        """A run begins; what is returned is told of its stages."""

    def run_finished(self, name: str, seconds: float, error: str | None) -> None:
        """A run is complete, or failed with an error."""


def run_points(points: Sequence[Point], plan: Plan, watcher: StudyWatcher) -> list[Outcome]:
    """Run every point; one that fails does not stop the others.

    Returns:
        what became of each, in the order of ``points``.
    """
    watcher.planned(len(points))
    run = _one_by_one if plan.workers == 1 else _in_processes
    outcomes = {}
    for outcome in run(points, plan, watcher):
        watcher.run_finished(outcome.point.name, outcome.seconds, outcome.error)
        outcomes[outcome.point.name] = outcome
    return [outcomes[point.name] for point in points]


def run_point(point: Point, plan: Plan, watcher: Watcher) -> Outcome:
    """Run one point; an error becomes a part of its outcome."""
    started = time.perf_counter()
    folder = plan.folder / point.name
    try:
        running.run(point.recipe, out=folder, store=plan.store, device=plan.device, watcher=watcher)
    except DiffmineError as error:
        return Outcome(point, folder, time.perf_counter() - started, str(error))
    return Outcome(point, folder, time.perf_counter() - started)


def _one_by_one(points: Sequence[Point], plan: Plan, watcher: StudyWatcher) -> Iterator[Outcome]:
    for point in points:
        yield run_point(point, plan, watcher.run_started(point.name))


def _in_processes(points: Sequence[Point], plan: Plan, watcher: StudyWatcher) -> Iterator[Outcome]:
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with (
        Relay(context, watcher.run_started) as relay,
        _shared_cores(plan.workers),
        ProcessPoolExecutor(plan.workers, mp_context=context, initializer=end_with_parent) as pool,
    ):
        points_of = {pool.submit(_run_in_process, point, plan, relay.sender(point.name)): point for point in points}
        pending = set(points_of)
        try:
            while pending:
                done, pending = wait(pending, timeout=INTERVAL, return_when=FIRST_COMPLETED)
                relay.deliver()
                for future in sorted(done, key=lambda one: points_of[one].name):
                    yield _outcome(future, points_of[future], plan, time.perf_counter() - started)
        finally:
            pool.shutdown(cancel_futures=True)


def _run_in_process(point: Point, plan: Plan, sender: Sender) -> Outcome:
    sender.begin()
    return run_point(point, plan, sender)


def _outcome(future: Future[Outcome], point: Point, plan: Plan, seconds: float) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        died = "a process of the study died, perhaps for want of memory; run the study again with fewer --workers"
        return Outcome(point, plan.folder / point.name, seconds, died)


@contextmanager
def _shared_cores(workers: int) -> Iterator[None]:
    """Processes started meanwhile compute with their share of the cores, unless the user has said otherwise."""
    if THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield
    finally:
        del os.environ[THREADS]
