"""What events say so far: folded into the state of each stage and run, so that whoever shows it only draws."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from diffmine.interfaces import Event

Clock = Callable[[], float]
State = Literal["waiting", "running", "done", "stored", "failed"]

SAMPLES = 1000
"""Latest calls whose units make the speed, so that it follows work that becomes faster or slower."""


class Pace:
    """How far counted work is, and how fast it goes.

    Attributes:
        total: units in all; None before that is known.
        unit: plural noun of what is counted.
        done: units done.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.total: int | None = None
        self.unit = ""
        self.done = 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def start(self, total: int, unit: str) -> None:
        """Work of ``total`` units begins."""
        self.total, self.unit, self.done = total, unit, 0
        self._samples.clear()

    def advance(self, amount: int) -> None:
        """``amount`` further units are done."""
        self.done += amount
        self._samples.append((self._clock(), self.done))

    @property
    def speed(self) -> float | None:
        """Units a second; what the first call told of may have been done by an earlier attempt, and does not count."""
        if len(self._samples) < 2:
            return None
        (first, before), (last, done) = self._samples[0], self._samples[-1]
        return (done - before) / (last - first) if done > before and last > first else None

    @property
    def left(self) -> float | None:
        """Seconds until all is done, at this speed."""
        return (self.total - self.done) / self.speed if self.total is not None and self.speed else None


class StageTally:
    """One stage.

    Attributes:
        name: of the stage.
        state: waiting, running, done, or stored: taken from the store.
        pace: of the work in it.
        status: the latest remark.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self._clock = name, clock
        self.state: State = "waiting"
        self.pace = Pace(clock)
        self.status = ""
        self._began, self._took = clock(), 0.0

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return self._clock() - self._began if self.state == "running" else self._took

    def hear(self, event: Event) -> None:
        """Take up an event of this stage."""
        match event.what:
            case "stage started":
                self.state, self._began = "running", self._clock()
            case "work started":
                self.pace.start(event.amount, event.unit)
                self.status = ""
            case "advanced":
                self.pace.advance(event.amount)
            case "status":
                self.status = event.text
            case "stage finished":
                self.state, self._took, self.status = "stored" if event.reused else "done", event.seconds, ""


class RunTally:
    """One run.

    Attributes:
        name: of the run.
        state: running, done or failed.
        stages: name -> stage, in order.
        current: the stage at work, or the last that was.
    """

    def __init__(self, name: str, stages: tuple[str, ...], clock: Clock) -> None:
        self.name, self._clock = name, clock
        self.state: State = "running"
        self.stages = {stage: StageTally(stage, clock) for stage in stages}
        self.current: StageTally | None = None
        self._began, self._took = clock(), 0.0

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return self._clock() - self._began if self.state == "running" else self._took

    @property
    def finished_stages(self) -> int:
        return sum(stage.state in ("done", "stored") for stage in self.stages.values())

    def hear(self, event: Event) -> None:
        """Take up an event of this run."""
        if event.what == "run finished":
            self.state, self._took = "failed" if event.text else "done", event.seconds
        elif event.stage:
            self.current = self.stages.setdefault(event.stage, StageTally(event.stage, self._clock))
            self.current.hear(event)


class Tally:
    """A listener that keeps what a run, or a study's runs, have come to.

    Args:
        clock: gives seconds that only ever rise.
    Attributes:
        runs: name -> run, in the order in which they began.
        study: how many of a study's runs are finished; without a total where there is no study.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.runs: dict[str, RunTally] = {}
        self.study = Pace(clock)

    def __call__(self, event: Event) -> None:
        if event.what == "study started":
            self.study.start(len(event.names), "runs")
            self.study.advance(0)
        elif event.what == "run started":
            self.runs[event.run] = RunTally(event.run, event.names, self._clock)
        elif event.run in self.runs:
            self.runs[event.run].hear(event)
        if event.what == "run finished":
            self.study.advance(1)

    @property
    def in_study(self) -> bool:
        return self.study.total is not None

    @property
    def running(self) -> list[RunTally]:
        """The runs at work."""
        return [run for run in list(self.runs.values()) if run.state == "running"]
