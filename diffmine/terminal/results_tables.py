"""The figures of a study as tables that fit the terminal's width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.studies.entries import Clustering, Entry, Figure
from diffmine.studies.points import short, text_of
from diffmine.studies.results import Mark, Results, SummaryRow
from diffmine.terminal.rich_tables import name, new_table

GAP = 2
LEAST = len("-0.12–0.34")
SIGNS: dict[Mark, tuple[str, str]] = {
    "best": (" *", "bold green"),
    "even": (" ≈", ""),
    "behind": ("  ", ""),
    "none": ("  ", ""),
}


def summary_tables(results: Results, width: int) -> Iterator[RenderableType]:
    """A row a variant and grid point: what its clusters hold, each metric with its interval below, the best marked."""
    parts = blocks(_columns(results), width - _keys_width(results))
    for columns in parts:
        table = _new(["variant", *map(short, results.keys)], columns)
        for row in results.summary:
            cells = [_cell(results, row, column) for column in columns]
            table.add_row(name(row.choice.variant), *map(name, row.choice.settings), *cells)
        yield table if columns is not parts[-1] else Group(table, *_notes(results))


def runs_tables(results: Results, width: int) -> Iterator[Table]:
    """A row a run, where several seeds make these more than the summary's."""
    if len(results.entries) == len(results.summary):
        return
    seeds = max(len(str(entry.seed)) for entry in results.entries) + len("seed") + GAP
    for columns in blocks(_columns(results), width - _keys_width(results) - seeds):
        table = _new(["variant", *map(short, results.keys), "seed"], columns)
        for entry in results.entries:
            texts = _held(entry.clustering())
            texts |= {metric: f"{figure.value:.3f}" for metric, figure in entry.figures().items()}
            cells = [texts.get(column, "") for column in columns]
            table.add_row(name(entry.variant), *map(name, entry.choice.settings), str(entry.seed), *cells)
        yield table


def seconds_table(results: Results, width: int) -> Table:
    """Seconds that each stage took to compute, in whichever run it was computed; mean over seeds."""
    stages = list(dict.fromkeys(stage for entry in results.entries for stage in entry.stage_seconds()))
    fitting = blocks(stages, width - _keys_width(results), least=8)
    shown = fitting[0] if fitting else []
    table = _new(["variant", *map(short, results.keys)], shown)
    table.columns[0].header = "seconds"
    for row in results.summary:
        entries = [entry for entry in results.entries if entry.choice == row.choice]
        cells = [_mean_seconds(entries, stage) for stage in shown]
        table.add_row(name(row.choice.variant), *map(name, row.choice.settings), *cells)
    return table


def blocks(columns: Sequence[str], width: int, least: int = LEAST) -> list[list[str]]:
    """Columns broken into tables that fit: each column as wide as its longest word, at least ``least``."""
    parts: list[list[str]] = []
    left = 0
    for column in columns:
        needed = max(least, *map(len, column.split("_"))) + GAP
        if not parts or needed > left:
            parts.append([])
            left = width
        parts[-1].append(column)
        left -= needed
    return parts


def _new(keys: Sequence[str], columns: Sequence[str]) -> Table:
    table = new_table(*keys, *(column.replace("_", " ") for column in columns), left=keys)
    for column in table.columns[len(keys) :]:
        column.no_wrap = False
    return table


def _keys_width(results: Results) -> int:
    """Columns that the variant and the grid's values take."""
    variants = max((len(entry.variant) for entry in results.entries), default=0)
    values = [
        max(len(short(key)), *(len(text_of(entry.settings[key])) for entry in results.entries)) for key in results.keys
    ]
    return sum(width + GAP for width in (max(variants, len("variant")), *values))


def _columns(results: Results) -> list[str]:
    """What clusters hold, where anything was clustered, and the metrics."""
    held = Clustering._fields if any(row.clustering for row in results.summary) else ()
    return [*held, *results.metrics]


def _held(clustering: Clustering | None) -> dict[str, str]:
    return {} if clustering is None else clustering.texts()


def _notes(results: Results) -> Iterator[Text]:
    if any(results.mark(row, metric) != "none" for row in results.summary for metric in row.figures):
        yield Text(results.legend("*"), style="dim")
    if results.caution:
        yield Text(results.caution, style="yellow")


def _cell(results: Results, row: SummaryRow, column: str) -> Text:
    if row.failed and not row.runs:
        return Text("failed", style="red")
    if (figure := row.figures.get(column)) is None:
        return Text(_held(row.clustering).get(column, ""))
    return _figure(results, row, column, figure)


def _figure(results: Results, row: SummaryRow, metric: str, figure: Figure) -> Text:
    sign, style = SIGNS[results.mark(row, metric)]
    return Text.assemble((f"{figure.value:.3f}{sign}", style), "\n", (_bounds(figure), "dim"))


def _bounds(figure: Figure) -> str:
    return "" if figure.low is None else f"{figure.low:.2f}–{figure.high:.2f}"


def _mean_seconds(entries: Sequence[Entry], stage: str) -> str:
    seconds = [entry.stage_seconds()[stage] for entry in entries if stage in entry.stage_seconds()]
    return f"{np.mean(seconds):.1f}" if seconds else ""
