"""Everything that is printed with rich: progress, tables, errors; plain lines where there is no terminal."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from diffmine.interfaces import Progress as ProgressProtocol
from diffmine.interfaces import Silent

if TYPE_CHECKING:
    from diffmine.estimate import Cost
    from diffmine.pipeline import Watcher
    from diffmine.recipe import Resolved
    from diffmine.registry import Registry
    from diffmine.run_folder import Run

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def output() -> Console:
    """The console for results, on standard output."""
    return Console(highlight=False)


def messages() -> Console:
    """The console for progress and warnings, on standard error."""
    return Console(stderr=True, highlight=False)


def human_size(count: float) -> str:
    """Bytes for people: ``1.3 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def human_time(seconds: float) -> str:
    """A duration for people: ``2 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def watcher(*, quiet: bool) -> Watcher:
    """What shows a run: nothing but warnings, a live view, or plain lines where there is no terminal."""
    console = messages()
    if quiet:
        return WarningsOnly(console)
    return LiveView(console) if console.is_terminal else PlainLines(console)


def print_warning(console: Console, text: str) -> None:
    """A warning, with what users named in it left as they wrote it."""
    console.print(Text.assemble(("warning: ", "yellow"), text))


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
        self._started = self._shown = time.monotonic()

    def start(self, total: int, unit: str) -> None:
        self._total, self._unit, self._done = total, unit, 0
        self._started = self._shown = time.monotonic()
        self._console.print(f"{self._stage}: {total:,} {unit}", markup=False)

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._shown >= PLAIN_INTERVAL and self._done:
            self._shown = now
            left = (now - self._started) / self._done * (self._total - self._done)
            status = f", {self._status}" if self._status else ""
            text = f"{self._stage}: {self._done:,} of {self._total:,} {self._unit}, {human_time(left)} left{status}"
            self._console.print(text, markup=False)

    def status(self, text: str) -> None:
        self._status = text


class _Rate(ProgressColumn):
    """Units a second, and the time left, of a running stage."""

    def render(self, task: Task) -> Text:
        if task.fields["state"] != "running" or not task.speed or task.total is None:
            return Text("")
        left = task.time_remaining
        ending = f", {human_time(left)} left" if left else ""
        return Text(f"{task.speed:.1f} {task.fields['unit']}/s{ending}", style="cyan")


class _State(ProgressColumn):
    """Waiting, running, done, or taken from the store."""

    _SYMBOLS = {"waiting": ("·", "dim"), "running": ("▸", "cyan"), "done": ("✓", "green"), "stored": ("✓", "blue")}

    def render(self, task: Task) -> Text:
        symbol, style = self._SYMBOLS[task.fields["state"]]
        return Text(symbol, style=style)


class LiveView:
    """All stages with their bars, rates and times left, redrawn in place; warnings scroll above."""

    def __init__(self, console: Console) -> None:
        from diffmine.pipeline import STAGES

        self._console = console
        self._progress = Progress(
            _State(),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            _Rate(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=console,
        )
        self._tasks = {stage.name: self._waiting(stage.name) for stage in STAGES}
        self._unfinished = set(self._tasks)

    def _waiting(self, stage: str) -> TaskID:
        return self._progress.add_task(stage, start=False, total=None, visible=False, state="waiting", unit="", note="")

    def stage_started(self, stage: str) -> ProgressProtocol:
        self._progress.start()
        for task in self._tasks.values():
            self._progress.update(task, visible=True)
        self._progress.update(self._tasks[stage], state="running", total=None)
        return _LiveProgress(self._progress, self._tasks[stage])

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        task = self._tasks[stage]
        total = self._progress.tasks[task].total or 1
        note = "from the store" if reused else human_time(seconds)
        state = "stored" if reused else "done"
        self._progress.update(task, total=total, completed=total, state=state, note=note)
        self._unfinished.discard(stage)
        if not self._unfinished:
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


def print_check(console: Console, resolved: Resolved, cost: Cost) -> None:
    """The resolved recipe, and what it will cost."""
    console.print(Syntax(resolved.to_toml().rstrip(), "toml", background_color="default", word_wrap=True))
    table = Table(title="what it will cost", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    labels = len(cost.images)
    table.add_row("images", f"{sum(cost.images.values()):,} of {labels} labels, {cost.width} x {cost.height} px")
    table.add_row("training", f"{cost.training_passes:,} pictures forwards and backwards")
    table.add_row("scoring", f"{cost.scoring_passes:,} forwards")
    table.add_row("features", f"{cost.feature_passes:,} forwards")
    table.add_row("disk", f"{human_size(cost.disk_bytes)} of typicality maps, beside the model")
    table.add_row("time", f"about {human_time(cost.seconds)} on this machine's {cost.device}, within a factor of two")
    console.print(table)


def print_plugins(console: Console, registry: Registry) -> None:
    """Installed components by kind, and what failed."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    kind = None
    for entry in registry.entries():
        if entry.kind is not kind:
            kind = entry.kind
            table.add_row(f"[bold cyan]\\[{kind.table}][/] {kind.singular}s", "", "", style="cyan")
        source = f"{entry.source.distribution} {entry.source.version}"
        table.add_row(f"  {escape(entry.component.name)}", escape(entry.component.summary()), f"[dim]{escape(source)}")
    console.print(table)
    for failure in registry.failures:
        print_warning(console, f"plugin {failure.plugin!r} failed ({failure.where}): {failure.cause}")


def plugins_json(registry: Registry) -> str:
    """The same for machines."""
    components = [
        {
            "kind": entry.kind.name,
            "name": entry.component.name,
            "summary": entry.component.summary(),
            "plugin": entry.plugin,
            "distribution": entry.source.distribution,
            "version": entry.source.version,
        }
        for entry in registry.entries()
    ]
    failures = [{"plugin": f.plugin, "where": f.where, "cause": f.cause} for f in registry.failures]
    return json.dumps({"components": components, "failures": failures}, indent=1, ensure_ascii=False)


def summary_json(run: Run) -> str:
    """A finished run for machines: where it is, its stages, metrics and warnings."""
    done = run.info["stages"]
    summary = {
        "run": str(run.path),
        "name": run.info["name"],
        "complete": run.info["complete"],
        "stages": {name: {key: entry[key] for key in ("digest", "seconds", "reused")} for name, entry in done.items()},
        "metrics": run.metrics if "metrics" in done else {},
        "warnings": run.info["warnings"],
    }
    return json.dumps(summary, indent=1, ensure_ascii=False)
