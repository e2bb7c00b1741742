"""What ``diffmine init`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from diffmine.progress.durations import human_time

if TYPE_CHECKING:
    from diffmine.starting.start import Started

MOST_LABELS = 12


def survey_view(started: Started) -> Iterator[RenderableType]:
    """Labels with their pictures, what to look at, and what to do next."""
    survey, cost = started.survey, started.cost
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", show_header=False)
    counts = sorted(survey.counts.items(), key=lambda one: (-one[1], one[0]))
    for label, count in counts[:MOST_LABELS]:
        table.add_row(escape(label), f"{count:,} pictures")
    if len(counts) > MOST_LABELS:
        table.add_row(
            f"{len(counts) - MOST_LABELS} more labels", f"{sum(n for _, n in counts[MOST_LABELS:]):,} pictures"
        )
    yield table
    for remark in started.remarks:
        yield f"[yellow]![/] {escape(remark)}"
    models = f"{started.what}: {len(survey.counts)} labels, {survey.pictures:,} pictures"
    yield f"\n{models}: about {human_time(cost.seconds)} on this machine's {cost.device}, within a factor of two"
    if cost.wants_gpu:
        yield "[yellow]That is long for a processor: look for a GPU, or take fewer pictures ([dataset] per_label).[/]"
    yield f"\nrecipe   {escape(str(started.recipe))}"
    yield f"next     diffmine run {escape(str(started.recipe))}"
    yield f"or       diffmine tune {escape(str(started.recipe))}    measures patch size, timesteps and draws first"
