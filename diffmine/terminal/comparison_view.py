"""The best clusters of several runs beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.runs.contents import Cluster, Contents
from diffmine.studies.entries import Entry
from diffmine.studies.results import Results
from diffmine.terminal.crop_rows import Thumbnails
from diffmine.terminal.rich_tables import counted, heading, name, remarked, signed
from diffmine.terminal.thumbnails import GAP, SIDE

ACROSS = 2
"""Crops of a cluster."""
PANEL = ACROSS * (SIDE + GAP) + 3
CLUSTERS = 3
LABELS = 6


def side_by_side(results: Results, console: Console) -> Iterator[RenderableType]:
    """For each label a panel a run, of its best clusters; runs that differ in the seed alone are shown once."""
    entries = list({entry.choice: entry for entry in reversed(results.entries) if _clustered(entry)}.values())[::-1]
    columns = max(1, console.width // PANEL)
    shown = [(entry, entry.run.contents) for entry in entries[:columns] if entry.run is not None]
    if len(shown) < 2:
        return
    labels = sorted({label for _, contents in shown for label in contents.labels})
    for label in labels[:LABELS]:
        yield _panels(label, shown, console)
    left = [counted(len(entries) - columns, "more run")] * (len(entries) > columns)
    left += [counted(len(labels) - LABELS, "more label")] * (len(labels) > LABELS)
    if left:
        yield Text(f"not shown: {' and '.join(left)}", style="dim")


def _clustered(entry: Entry) -> bool:
    return entry.run is not None and "clusters" in entry.run.info["stages"]


def _panels(label: str, shown: Sequence[tuple[Entry, Contents]], console: Console) -> Table:
    table = Table(
        title=heading(label), title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim"
    )
    for entry, _ in shown:
        table.add_column(name(str(entry.choice)), width=PANEL - 2, no_wrap=True, overflow="ellipsis")
    table.add_row(*(_best(contents, label, console) for _, contents in shown))
    return table


def _best(contents: Contents, label: str, console: Console) -> Text:
    clusters = contents.best_clusters(label)[:CLUSTERS]
    thumbnails = Thumbnails(contents, console)
    strips = thumbnails.load([one.rows[:ACROSS].tolist() for one in clusters])
    parts = [_line(one) for one in clusters]
    if thumbnails.shown:
        parts = [Text("\n").join([line, strip]) for line, strip in zip(parts, strips, strict=True)]
    return Text("\n").join(parts) if parts else Text("no clusters", style="dim")


def _line(one: Cluster) -> Text:
    facts = one.facts
    line = Text.assemble(f"{signed(facts['median_typicality'])} ", (f"× {facts['size']}", "dim"))
    return remarked(line, one)
