"""How a run or a study goes, on the terminal: live bars, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diffmine.interfaces import Event, Listener
from diffmine.progress.durations import counted_units, human_time, noun, rate, time_left
from diffmine.progress.rows import finished_line, rows, warning_line
from diffmine.progress.tally import Clock, StageTally, Tally
from diffmine.terminal.console import messages

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of a stage's progress where there is no terminal."""


@contextmanager
def listening(*, quiet: bool) -> Iterator[Listener]:
    """What shows a run or a study: nothing but warnings and failures, live bars, or plain lines without a terminal."""
    console = messages()
    if quiet or not console.is_terminal:
        yield WarningsOnly(console) if quiet else PlainLines(console)
        return
    view = LiveView(console)
    try:
        yield view
    finally:
        view.stop()


class WarningsOnly:
    """Shows each warning once, whichever runs give it, and which runs of a study failed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._warned: set[str] = set()

    def __call__(self, event: Event) -> None:
        if event.what == "warning" and event.text not in self._warned:
            self._warned.add(event.text)
            _print(self._console, warning_line(event.text))
        elif event.what == "run finished" and event.text:
            _print(self._console, finished_line(event.run, event.seconds, event.text))


class PlainLines:
    """One line when a run, a stage or work begins or ends, and now and then between."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._tally = Tally(clock)
        self._shown: dict[tuple[str, str], float] = {}

    def __call__(self, event: Event) -> None:
        self._tally(event)
        if line := self._line(event):
            _print(self._console, line)
            self._shown[event.run, event.stage] = self._clock()

    def _line(self, event: Event) -> Text | None:
        if event.what == "warning":
            return warning_line(event.text)
        if event.what == "run finished":
            return finished_line(event.run, event.seconds, event.text)
        if event.what in ("study started", "study finished"):
            return study_line(self._tally, event)
        if event.stage and (said := self._said(event, self._tally.runs[event.run].stages[event.stage])):
            run = f"{event.run}: " if self._tally.in_study else ""
            return Text(f"{run}{event.stage}: {said}")
        return None

    def _said(self, event: Event, stage: StageTally) -> str:
        pace = stage.pace
        match event.what:
            case "status" if pace.total is None:
                return event.text
            case "work started":
                return f"{event.amount:,} {noun(event.amount, event.unit)}"
            case "advanced" if self._is_due(event) and pace.speed:
                parts = [
                    counted_units(pace),
                    rate(pace.speed),
                    time_left(pace),
                    stage.status,
                ]
                return ", ".join(filter(None, parts))
            case "stage finished":
                return f"done ({'from the store' if event.reused else human_time(event.seconds)})"
        return ""

    def _is_due(self, event: Event) -> bool:
        return self._clock() - self._shown.get((event.run, event.stage), 0) >= PLAIN_INTERVAL


class LiveView:
    """Bars that are redrawn in place. Warnings of a run, and finished runs of a study, scroll above.

    What is warned of in a study is said of all its runs together when it ends.
    """

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self._console = console
        self._tally = Tally(clock)
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        self._tally(event)
        if self._live is None:
            self._live = Live(
                console=self._console, get_renderable=self.drawn, refresh_per_second=5, transient=self._tally.in_study
            )
            self._live.start()
        if event.what == "warning" and not self._tally.in_study:
            self._console.print(warning_line(event.text))
        elif event.what == "run finished" and self._tally.in_study:
            self._console.print(finished_line(event.run, event.seconds, event.text))
        elif event.what == "study finished":
            self._console.print(study_line(self._tally, event))

    def drawn(self) -> Table:
        """The bars, as they are now."""
        return rows(self._tally, self._console.width)

    def stop(self) -> None:
        """Leave a run's bars as they are, take a study's away, and leave the cursor as it was."""
        if self._live is not None:
            self._live.stop()


def study_line(tally: Tally, event: Event) -> Text:
    """How many runs there are, and in the end how long they took."""
    done = f" in {human_time(event.seconds)}" if event.what == "study finished" else ""
    return Text(f"{tally.study.total:,} runs{done}")


def _print(console: Console, line: Text) -> None:
    """In a log, what is one line stays one."""
    console.print(line, soft_wrap=not console.is_terminal)
