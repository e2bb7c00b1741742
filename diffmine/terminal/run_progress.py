"""How a run goes, on the terminal: live bars, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from diffmine.interfaces import Progress as ProgressProtocol
from diffmine.interfaces import Silent
from diffmine.terminal.console import human_time, messages, print_warning

if TYPE_CHECKING:
    from diffmine.engine.pipeline import Watcher

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""
AT_ONCE = 1.0
"""Seconds after the start within which units that are told of had been done by an earlier attempt."""
SPEED_PERIOD = 3600.0
"""Seconds whose units make a bar's speed, so that slow ones have one too; of fast ones the last thousand count."""
BAR = 24


@contextmanager
def watcher(*, quiet: bool) -> Iterator[Watcher]:
    """What shows a run: nothing but warnings, a live view, or plain lines where there is no terminal."""
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
    """Shows warnings and nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def stage_started(self, stage: str) -> ProgressProtocol:
        return _Warnings(self._console)

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None: ...


class _Warnings(Silent):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def warn(self, text: str) -> None:
        print_warning(self._console, text)


class PlainLines:
    """One line when a stage begins, ends, and now and then between."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def stage_started(self, stage: str) -> ProgressProtocol:
        return _PlainProgress(self._console, stage)

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        done = "from the store" if reused else human_time(seconds)
        self._console.print(f"{stage}: done ({done})", markup=False)


class _PlainProgress(_Warnings):
    def __init__(self, console: Console, stage: str) -> None:
        super().__init__(console)
        self._stage, self._total, self._unit, self._done, self._status = stage, 0, "", 0, ""
        self._before: int | None = None
        self._started = self._shown = time.monotonic()

    def start(self, total: int, unit: str) -> None:
        self._total, self._unit, self._done, self._before = total, unit, 0, None
        self._started = self._shown = time.monotonic()
        self._console.print(f"{self._stage}: {total:,} {unit}", markup=False)

    def advance(self, amount: int = 1) -> None:
        now = time.monotonic()
        if self._before is None:
            self._begin(amount, now)
        self._done += amount
        if now - self._shown >= PLAIN_INTERVAL and self._done > (self._before or 0):
            self._shown = now
            status = f", {self._status}" if self._status else ""
            text = f"{self._stage}: {self._done:,} of {self._total:,} {self._unit}, {self._pace(now)}{status}"
            self._console.print(text, markup=False)

    def status(self, text: str) -> None:
        self._status = text

    def _begin(self, amount: int, now: float) -> None:
        """The first units, if told of at once, are an earlier attempt's: the rate is that of the others."""
        self._before = 0
        if now - self._started < AT_ONCE:
            self._before, self._started = amount, now

    def _pace(self, now: float) -> str:
        speed = (self._done - (self._before or 0)) / (now - self._started)
        return f"{rate(speed, self._unit)}, {human_time((self._total - self._done) / speed)} left"


def rate(speed: float, unit: str) -> str:
    """``12 images/s``, or ``3.1 s/image`` where it is slow.

    Args:
        speed: units a second.
        unit: a plural noun.
    """
    if speed < 1:
        return f"{human_time(1 / speed)}/{unit.removesuffix('s')}"
    return f"{speed:,.1f} {unit}/s" if speed < 10 else f"{speed:,.0f} {unit}/s"


class Counted(ProgressColumn):
    """``12 of 40 images``; nothing before the number is known."""

    def render(self, task: Task) -> Text:
        if task.total is None or not task.fields["unit"]:
            return Text("")
        return Text(f"{int(task.completed):,} of {int(task.total):,} {task.fields['unit']}")


class Rate(ProgressColumn):
    """Units a second, and the time left; where the end is not known, the time so far."""

    def render(self, task: Task) -> Text:
        return Text(self._rate(task), style="cyan")

    @staticmethod
    def _rate(task: Task) -> str:
        if task.total is None or not task.speed:
            return "" if task.elapsed is None else human_time(task.elapsed)
        speed = f"{task.speed:.1f}/s" if task.speed >= 1 else f"{human_time(1 / task.speed)} each"
        return f"{speed}, {human_time(task.time_remaining)} left" if task.time_remaining else speed


class RateAndNote(Rate):
    """The rate of what runs, and what is said of any stage."""

    def render(self, task: Task) -> Text:
        note = Text(task.fields["note"], style="dim")
        if task.fields["state"] != "running":
            return note
        return Text.assemble(super().render(task), "  " if note else "", note)


class State(ProgressColumn):
    """Waiting, running, done, or taken from the store."""

    _SYMBOLS = {"waiting": ("·", "dim"), "running": ("▸", "cyan"), "done": ("✓", "green"), "stored": ("✓", "blue")}

    def render(self, task: Task) -> Text:
        symbol, style = self._SYMBOLS[task.fields["state"]]
        return Text(symbol, style=style)


class LiveView:
    """All stages with their bars, rates and times left, redrawn in place; warnings scroll above."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            State(),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=BAR, style="bright_black", pulse_style="bright_black", finished_style="cyan"),
            Counted(),
            RateAndNote(),
            console=console,
            speed_estimate_period=SPEED_PERIOD,
        )
        self._tasks: dict[str, TaskID] = {}

    def _waiting(self, stage: str) -> TaskID:
        return self._progress.add_task(stage, start=False, total=None, visible=False, state="waiting", unit="", note="")

    def stage_started(self, stage: str) -> ProgressProtocol:
        self._progress.start()
        self._tasks[stage] = self._waiting(stage)
        self._progress.update(self._tasks[stage], visible=True)
        self._progress.reset(self._tasks[stage], state="running", unit="", note="")
        return _LiveProgress(self._progress, self._tasks[stage])

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        task = self._tasks[stage]
        total = self._progress.tasks[task].total or 1
        note = "from the store" if reused else human_time(seconds)
        state = "stored" if reused else "done"
        self._progress.update(task, total=total, completed=total, state=state, note=note)

    def stop(self) -> None:
        """Leave the view as it is, and the cursor as it was."""
        self._progress.stop()


class _LiveProgress:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def start(self, total: int, unit: str) -> None:
        self._progress.reset(self._task, total=total, unit=unit, state="running", note="")

    def advance(self, amount: int = 1) -> None:
        self._progress.advance(self._task, amount)

    def status(self, text: str) -> None:
        self._progress.update(self._task, note=text)

    def warn(self, text: str) -> None:
        print_warning(self._progress.console, text)
