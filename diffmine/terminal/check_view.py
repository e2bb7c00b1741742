"""What ``diffmine check`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from diffmine.progress.durations import human_time
from diffmine.terminal.console import human_size
from diffmine.terminal.rich_tables import counted

if TYPE_CHECKING:
    from diffmine.engine.estimate import Cost
    from diffmine.recipes.resolving import Resolved

MUCH_MEMORY = 1_000_000_000
"""Bytes from which it is said how much a run takes."""


def print_check(console: Console, resolved: Resolved, cost: Cost, rate: float | None = None) -> None:
    """The resolved recipe, and what it will cost; on other machines where their forwards a second are known."""
    console.print(Syntax(resolved.to_toml().rstrip(), "toml", background_color="default", word_wrap=True))
    table = Table(title="what it will cost", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    labels = len(cost.images)
    table.add_row("images", f"{sum(cost.images.values()):,} of {labels} labels, {cost.width} x {cost.height} px")
    for row in _with_model(cost) if resolved.components.needs_model else _without_model(cost):
        table.add_row(*row)
    if cost.memory_bytes >= MUCH_MEMORY:
        table.add_row(
            "memory", f"about {human_size(cost.memory_bytes)} on the machine that runs this, beside the model"
        )
    if rate and cost.forwards:
        table.add_row("elsewhere", _elsewhere(cost.forwards, rate, resolved.components.executor.name))
    if cost.stored:
        table.add_row("stored", f"{', '.join(cost.stored)}: computed already, and left out of the time")
    console.print(table)
    if cost.wants_gpu:
        console.print(
            "This recipe wants a GPU: on this machine's processor it would take more than an hour.", style="yellow"
        )


def _with_model(cost: Cost) -> Iterator[tuple[str, str]]:
    models = f", by {cost.models} models one after the other" if cost.models > 1 else ""
    yield "training", f"{cost.training_passes:,} pictures forwards and backwards, drawn from {cost.learned:,}{models}"
    first, most = cost.first_scoring_passes, cost.scoring_passes
    forwards = f"{most:,} forwards" if first == most else f"{first:,} to {most:,} forwards, as draws are needed,"
    yield "scoring", f"{forwards} for {counted(cost.scored, 'picture')}"
    yield "features", f"{cost.feature_passes:,} forwards"
    for stage, passes in cost.further_passes.items():
        yield stage, f"{passes:,} forwards"
    yield "disk", f"{human_size(cost.disk_bytes)} of typicality maps, beside the model"
    yield "time", _time(cost)


def _time(cost: Cost) -> str:
    if cost.stage_seconds.keys() <= set(cost.stored):
        return "seconds: nothing is left that passes through the network"
    where = cost.device if cost.threads is None else f"{cost.device} ({counted(cost.threads, 'thread')})"
    return f"about {human_time(cost.seconds)} on this machine's {where}, within a factor of two"


def _elsewhere(forwards: int, rate: float, executor: str) -> str:
    return (
        f"{human_time(forwards / rate)} of one worker of {executor!r} at {rate:g} forwards a second, where a picture "
        "that is learned from counts as three"
    )


def _without_model(cost: Cost) -> Iterator[tuple[str, str]]:
    yield "model", "none: nothing in this recipe uses a diffusion model"
    yield "disk", f"at most {human_size(cost.disk_bytes)} of typicality maps"
    yield "time", "not known in advance; the run shows it as it goes"
