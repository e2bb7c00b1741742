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
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Queue

from diffmine.engine import running
from diffmine.errors import DiffmineError
from diffmine.interfaces import Event, Listener
from diffmine.processes.orphans import end_with_parent
from diffmine.studies.points import Point
from diffmine.studies.relay import INTERVAL, Thinned, deliver

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

    def as_event(self) -> Event:
        """What is told of it."""
        return Event("run finished", self.point.name, seconds=self.seconds, text=self.error or "")


def run_points(points: Sequence[Point], plan: Plan, listener: Listener) -> list[Outcome]:
    """Run every point; one that fails does not stop the others.

    Returns:
        what became of each, in the order of ``points``.
    """
    started = time.perf_counter()
    listener(Event("study started", names=tuple(point.name for point in points)))
    run = _one_by_one if plan.workers == 1 else _in_processes
    outcomes = {outcome.point.name: outcome for outcome in run(points, plan, listener)}
    listener(Event("study finished", seconds=time.perf_counter() - started))
    return [outcomes[point.name] for point in points]


def run_point(point: Point, plan: Plan, listener: Listener) -> Outcome:
    """Run one point; an error becomes a part of its outcome."""
    started = time.perf_counter()
    folder = plan.folder / point.name
    try:
        running.run(point.recipe, out=folder, store=plan.store, device=plan.device, listener=listener)
    except DiffmineError as error:
        failed = Outcome(point, folder, time.perf_counter() - started, str(error))
        listener(failed.as_event())
        return failed
    return Outcome(point, folder, time.perf_counter() - started)


def _one_by_one(points: Sequence[Point], plan: Plan, listener: Listener) -> Iterator[Outcome]:
    for point in points:
        yield run_point(point, plan, listener)


def _in_processes(points: Sequence[Point], plan: Plan, listener: Listener) -> Iterator[Outcome]:
    """Whoever puts an event into the queue waits until it is there: with a run's result, so are all its events."""
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(end_with_parent)
    with (
        manager,
        _shared_cores(plan.workers),
        ProcessPoolExecutor(plan.workers, mp_context=context, initializer=end_with_parent) as pool,
    ):
        events: Queue[Event] = manager.Queue()
        points_of = {pool.submit(_run_in_process, point, plan, events): point for point in points}
        pending = set(points_of)
        try:
            while pending:
                done, pending = wait(pending, timeout=INTERVAL, return_when=FIRST_COMPLETED)
                deliver(events, listener)
                for future in sorted(done, key=lambda one: points_of[one].name):
                    yield _outcome(future, points_of[future], plan, time.perf_counter() - started, listener)
        finally:
            pool.shutdown(cancel_futures=True)


def _run_in_process(point: Point, plan: Plan, events: Queue[Event]) -> Outcome:
    return run_point(point, plan, Thinned(events.put))


def _outcome(future: Future[Outcome], point: Point, plan: Plan, seconds: float, listener: Listener) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        died = "a process of the study died, perhaps for want of memory; run the study again with fewer --workers"
        outcome = Outcome(point, plan.folder / point.name, seconds, died)
        listener(outcome.as_event())
        return outcome


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
