"""A run, or a study, as rows with bars; for terminals and notebooks alike."""

from __future__ import annotations

from typing import NamedTuple

from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from diffmine.progress.durations import counted, counted_units, human_time, noun, rate, time_left
from diffmine.progress.tally import Pace, RunTally, StageTally, State, Tally

TERSE = 76
"""Columns below which there is room for the most needed numbers alone."""
SYMBOLS: dict[State, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▸", "cyan"),
    "done": ("✓", "green"),
    "stored": ("✓", "blue"),
    "failed": ("✗", "bold red"),
}


class Layout(NamedTuple):
    """How much of everything there is room for.

    Attributes:
        bar: characters of a bar; 0: no bars.
        title: characters of the name of a study's run.
        terse: no units, and no rate where the time left is known.
    """

    bar: int
    title: int
    terse: bool


def run_layout(width: int) -> Layout:
    """For a run's rows, ``width`` columns wide."""
    bars = 24 if width >= 100 else 12
    return Layout(bars if width >= TERSE else 0, 0, width < TERSE)


def study_layout(width: int) -> Layout:
    """For a study's rows, which have two names."""
    return Layout(12 if width >= 110 else 0, 24 if width >= 100 else 12, width < TERSE)


def rows(tally: Tally, width: int) -> Table:
    """What is known, ``width`` columns wide."""
    if tally.in_study:
        return study_rows(tally, width)
    runs = list(tally.runs.values())
    return run_rows(runs[-1], width) if runs else Table.grid()


def run_rows(run: RunTally, width: int) -> Table:
    """A row for each stage, and one for all of them."""
    layout = run_layout(width)
    table = _table(layout, names=1)
    for stage in list(run.stages.values()):
        table.add_row(*_row(stage.state, [Text(stage.name)], stage.pace, _stage_note(stage, layout), layout))
    stages = Text(f"{run.finished_stages} of {len(run.stages)} {noun(len(run.stages), 'stages')}")
    total = Text(human_time(run.seconds), style="cyan")
    table.add_row(symbol(run.state), "all", *([""] if layout.bar else []), stages, total)
    return table


def study_rows(tally: Tally, width: int) -> Table:
    """A row for all runs, and one for each at work."""
    layout = study_layout(width)
    table = _table(layout, names=2)
    all_runs = [Text("all runs", style="bold"), Text()]
    table.add_row(*_row("running", all_runs, tally.study, _pace_note(tally.study, layout), layout))
    for run in tally.running:
        stage = run.current or StageTally("", lambda: 0.0)
        names = [Text(run_title(run.name, layout.title)), Text(stage.name, style="dim")]
        note = _pace_note(stage.pace, layout) or Text(human_time(stage.seconds), style="cyan")
        table.add_row(*_row("running", names, stage.pace, note, layout))
    return table


def run_title(name: str, longest: int) -> str:
    """The end of a run's name, which tells it from the study's others."""
    return name.partition(".")[2][-longest:] or name


def finished_line(name: str, seconds: float, error: str) -> Text:
    """``✓ name  12 s``, or what went wrong."""
    if not error:
        return Text.assemble(symbol("done"), " ", name, (f"  {human_time(seconds)}", "dim"))
    return Text.assemble(symbol("failed"), " ", name, f": {error}")


def warning_line(text: str) -> Text:
    """A warning, with what users named in it left as they wrote it."""
    return Text.assemble(("warning: ", "yellow"), text)


def symbol(state: State) -> Text:
    """Waiting, running, done, taken from the store, or failed."""
    return Text(*SYMBOLS[state])


def _table(layout: Layout, names: int) -> Table:
    """Of all columns the last gives way."""
    fixed = 2 + names + bool(layout.bar)
    columns = [Column(no_wrap=True) for _ in range(fixed)]
    return Table.grid(*columns, Column(overflow="ellipsis"), padding=(0, 1))


def _row(state: State, names: list[Text], pace: Pace, note: Text, layout: Layout) -> list[Text | ProgressBar]:
    note.no_wrap, note.overflow = True, "ellipsis"
    bar = [_bar(state, pace, layout.bar)] if layout.bar else []
    number = counted(pace) if layout.terse else counted_units(pace)
    return [symbol(state), *names, *bar, Text(number), note]


def _bar(state: State, pace: Pace, width: int) -> ProgressBar:
    finished = state in ("done", "stored")
    total, done = (1, int(finished)) if finished or state == "waiting" else (pace.total, pace.done)
    return ProgressBar(
        total, done, width, style="bright_black", pulse_style="bright_black", finished_style="cyan", pulse=total is None
    )


def _stage_note(stage: StageTally, layout: Layout) -> Text:
    if stage.state == "waiting":
        return Text()
    if stage.state == "stored":
        return Text("from the store", style="dim")
    if stage.state == "done":
        return Text(human_time(stage.seconds), style="dim")
    pace = _pace_note(stage.pace, layout) or Text(human_time(stage.seconds), style="cyan")
    return Text.assemble(pace, "  " if stage.status else "", (stage.status, "dim"))


def _pace_note(pace: Pace, layout: Layout) -> Text:
    said = [rate(pace.speed)] if pace.speed and not (layout.terse and pace.left) else []
    return Text(", ".join([*said, *([time_left(pace)] if pace.left else [])]), style="cyan")
