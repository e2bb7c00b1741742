"""A study or a comparison on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.analysis.matching import FATES
from diffmine.studies.comparison import Comparison
from diffmine.studies.points import short
from diffmine.studies.results import Results
from diffmine.terminal.comparison_view import side_by_side
from diffmine.terminal.glyphs import visible
from diffmine.terminal.results_tables import runs_tables, seconds_table, summary_tables
from diffmine.terminal.rich_tables import counted, heading, name, new_table

CELL = 6
"""Columns of a cell of the agreement matrix."""
LONGEST_NAME = 24
WARNINGS = 6


def study_view(results: Results, comparison: Comparison, console: Console) -> Iterator[RenderableType]:
    """The parts, from the top: metrics, times, agreement, clusters side by side, failures."""
    yield heading(results.name, *_remarks(results))
    if results.description:
        yield Text(visible(" ".join(results.description.split())), style="dim")
    for part in (
        *summary_tables(results, console.width),
        *runs_tables(results, console.width),
        seconds_table(results, console.width),
        *_agreement(comparison, console.width),
        *side_by_side(results, console),
    ):
        yield Text()
        yield part
    yield from _warnings(results)
    yield from _failures(results)


def _remarks(results: Results) -> Iterator[str]:
    yield counted(len(results.entries), "run")
    yield from (short(key) for key in results.keys)
    if len(seeds := {entry.seed for entry in results.entries}) > 1:
        yield counted(len(seeds), "seed")
    if results.failures:
        yield f"{len(results.failures)} failed"


def _agreement(comparison: Comparison, width: int) -> Iterator[RenderableType]:
    if comparison.pairs:
        yield _matrix(comparison, width)
        yield _fates(comparison)
    if comparison.apart:
        pairs = counted(comparison.apart, "pair")
        yield Text(f"{pairs} of runs are about different pictures, and are not compared", style="yellow")


def _matrix(comparison: Comparison, width: int) -> Table:
    """The adjusted Rand index of every two choices, as far as columns fit; columns are numbered like rows."""
    names = [str(choice) for choice in comparison.choices]
    longest = max(min(LONGEST_NAME, max(map(len, names))), len("adjusted Rand index")) + 5
    fitting = min(len(names), max(1, (width - longest) // CELL))
    numbers = [str(number + 1) for number in range(fitting)]
    title = "adjusted Rand index"
    table = new_table("", title, *numbers, left=[title])
    table.columns[1].max_width = LONGEST_NAME
    for number, (one, row) in enumerate(zip(names, comparison.matrix()[:, :fitting], strict=True), 1):
        table.add_row(Text(str(number), style="dim"), name(one), *(_shaded(value) for value in row))
    return table


def _shaded(value: float) -> Text:
    if np.isnan(value):
        return Text("–", style="dim")
    return Text(f"{value:.2f}", style="bold" if value >= 0.8 else "dim" if value < 0.2 else "")


def _fates(comparison: Comparison) -> Table:
    """What became of the clusters of the first run in each other one."""
    first = comparison.pairs[0].first
    title = f"clusters of {first.choice} in"
    numbers = (*FATES, "in common", "mutual inf.")
    table = new_table(title, *numbers, left=[title])
    table.columns[0].max_width = LONGEST_NAME
    for column, heading_over in zip(table.columns[1:], numbers, strict=True):
        column.min_width = len(heading_over)
    for pair in comparison.pairs:
        if pair.first is first:
            agreement = pair.agreement
            counts = (f"{count}" for count in pair.fates().values())
            information = "" if np.isnan(agreement.mutual_information) else f"{agreement.mutual_information:.2f}"
            table.add_row(name(str(pair.second.choice)), *counts, f"{agreement.common:.0%}", information)
    return table


def _warnings(results: Results) -> Iterator[RenderableType]:
    """What runs warned of, the most frequent first."""
    runs = [entry.run for entry in results.entries if entry.run is not None]
    said = Counter(text for run in runs for text in run.info["warnings"])
    notes = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for text, count in said.most_common(WARNINGS):
        notes.add_row(Text(f"{count} of {len(runs)} runs", style="yellow"), Text(visible(text)))
    if said:
        yield Text()
        yield heading("warnings", *([f"{len(said) - WARNINGS} more in each run.json"] * (len(said) > WARNINGS)))
        yield notes


def _failures(results: Results) -> Iterator[RenderableType]:
    for entry in results.failures:
        yield Text()
        yield Text.assemble(("failed  ", "bold red"), f"{entry.choice}, seed {entry.seed}: ", visible(str(entry.error)))
