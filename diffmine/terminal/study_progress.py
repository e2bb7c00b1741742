"""How a study goes, on the terminal: a bar for all runs, and one for each run at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from diffmine.engine.pipeline import NobodyWatches, Watcher
from diffmine.interfaces import Progress as ProgressProtocol
from diffmine.interfaces import Silent
from diffmine.studies.running import StudyWatcher
from diffmine.terminal.console import human_time, messages, print_warning
from diffmine.terminal.run_progress import SPEED_PERIOD, Counted, PlainLines, Rate, State

BAR = 12
LONGEST, SHORTEST = 24, 12
"""Characters of a run's name: where there is room, and where there is not."""
ROOM = 100
"""Columns of a terminal that has room for bars beside the numbers."""


@contextmanager
def study_watcher(*, quiet: bool) -> Iterator[StudyWatcher]:
    """What shows a study: nothing but warnings and errors, live bars, or plain lines where there is no terminal."""
    console = messages()
    if quiet or not console.is_terminal:
        yield QuietStudy(console) if quiet else PlainStudy(console)
        return
    view = LiveStudy(console)
    try:
        yield view
    finally:
        view.stop()


class QuietStudy:
    """Shows each warning once, whichever runs give it, and which runs failed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._warned = _WarnedOnce(console)

    def planned(self, runs: int) -> None: ...

    def run_started(self, name: str) -> Watcher:
        return self._warned

    def run_finished(self, name: str, seconds: float, error: str | None) -> None:
        if error is not None:
            self._console.print(finished_line(name, seconds, error))


class PlainStudy(QuietStudy):
    """A line when a run begins or ends, and the lines of its stages between."""

    def planned(self, runs: int) -> None:
        self._console.print(f"{runs} runs")

    def run_started(self, name: str) -> Watcher:
        return _Named(self._console, name)

    def run_finished(self, name: str, seconds: float, error: str | None) -> None:
        self._console.print(finished_line(name, seconds, error))


class _WarnedOnce(NobodyWatches, Silent):
    """Many runs' warnings, each printed the first time."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def stage_started(self, stage: str) -> ProgressProtocol:
        return self

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            super().warn(text)
            print_warning(self._console, text)


class _Named(PlainLines):
    """The stages' lines with the run's name before them."""

    def __init__(self, console: Console, name: str) -> None:
        super().__init__(console)
        self._name = name

    def stage_started(self, stage: str) -> ProgressProtocol:
        return super().stage_started(f"{self._name}: {stage}")

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        super().stage_finished(f"{self._name}: {stage}", seconds, reused)


class LiveStudy:
    """Bars that are redrawn in place; finished runs scroll above."""

    def __init__(self, console: Console) -> None:
        wide = console.width >= ROOM
        bar = BarColumn(bar_width=BAR, style="bright_black", pulse_style="bright_black", finished_style="cyan")
        self._longest = LONGEST if wide else SHORTEST
        self._progress = Progress(
            State(table_column=Column(no_wrap=True)),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            TextColumn("{task.fields[note]}", style="dim", table_column=Column(no_wrap=True)),
            *([bar] if wide else []),
            Counted(table_column=Column(no_wrap=True)),
            Rate(table_column=Column(no_wrap=True)),
            console=console,
            speed_estimate_period=SPEED_PERIOD,
        )
        self._running: dict[str, TaskID] = {}

    def planned(self, runs: int) -> None:
        self._all = self._progress.add_task("[bold]all runs", total=runs, state="running", unit="runs", note="")
        self._progress.start()

    def run_started(self, name: str) -> Watcher:
        title = escape(name.partition(".")[2][-self._longest :] or name)
        self._running[name] = self._progress.add_task(title, total=None, state="running", unit="", note="")
        return _LiveRun(self._progress, self._running[name])

    def run_finished(self, name: str, seconds: float, error: str | None) -> None:
        if (task := self._running.pop(name, None)) is not None:
            self._progress.remove_task(task)
        self._progress.console.print(finished_line(name, seconds, error))
        self._progress.advance(self._all)

    def stop(self) -> None:
        """Leave the bars as they are, and the cursor as it was."""
        self._progress.stop()


class _LiveRun(NobodyWatches):
    """One run's bar: the stage it is in, and how far that is."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task, self._stage = progress, task, ""

    def stage_started(self, stage: str) -> ProgressProtocol:
        self._stage = stage
        self._progress.reset(self._task, state="running", unit="", note=stage)
        return self

    def start(self, total: int, unit: str) -> None:
        self._progress.reset(self._task, total=total, state="running", unit=unit, note=self._stage)

    def advance(self, amount: int = 1) -> None:
        self._progress.advance(self._task, amount)

    def status(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        """Nothing: what is said of all runs together ends the study."""


def finished_line(name: str, seconds: float, error: str | None) -> Text:
    """``✓ name  12 s``, or what went wrong."""
    if error is None:
        return Text.assemble(("✓ ", "green"), name, (f"  {human_time(seconds)}", "dim"))
    return Text.assemble(("✗ ", "bold red"), name, f": {error}")
