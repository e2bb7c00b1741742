"""A run at a glance: its labels, their best clusters, its metrics and warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.runs.contents import Cluster, Contents
from diffmine.terminal import above_chance
from diffmine.terminal.crop_rows import Thumbnails
from diffmine.terminal.glyphs import sparkline, visible
from diffmine.terminal.metrics_table import metrics_table
from diffmine.terminal.rich_tables import FLAG, counted, heading, measured, name, new_table, remarked
from diffmine.terminal.thumbnails import fitting

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CURVE = 32
BAR_WIDTH = 12
BESIDE = 58
"""Columns that the table of labels takes beside labels and patches."""


def overview(run: Run, console: Console, crops: int = 12) -> Iterator[RenderableType]:
    """The parts, from the top; with the best patch of at most ``crops`` clusters of each label."""
    yield _title(run)
    if "clusters" in run.info["stages"]:
        yield from answered(run)
    if run.training_log is not None and (curve := loss_line(run.training_log["loss"].to_pylist())):
        yield curve
    if run.draws_spent:
        yield Text(_draws(run.draws_spent), style="dim")
    if "clusters" in run.info["stages"]:
        yield Text()
        yield from labels(run.contents, console, crops)
    if "metrics" in run.info["stages"] and run.metrics:
        yield Text()
        yield metrics_table(run.metrics)
    yield from ending(run)


def answered(run: Run) -> Iterator[RenderableType]:
    """The answer, and what to do next."""
    yield Text()
    for sentence in run.answer.sentences:
        yield Text(visible(sentence))
    if run.answer.next_steps:
        steps = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
        for number, step in enumerate(run.answer.next_steps):
            steps.add_row(Text("" if number else "next", style="bold"), Text("·", style="dim"), Text(visible(step)))
        yield Text()
        yield steps
    yield Text()


def _draws(spent: dict[str, Any]) -> str:
    """What the race for the best patches cost, and what it left open."""
    share, open_ones = spent["passes"] / spent["passes_at_most"], sum(spent["undecided"].get("selected", {}).values())
    if len(spent["images"]) == 1:
        return f"draws: {spent['mean']:.0f} a picture; more would change nothing, as all patches are decided or kept"
    return (
        f"draws: {spent['mean']:.1f} of {spent['most']} a picture in the mean, {share:.0%} of the passes; "
        f"{open_ones:,} of the patches might change sides with more"
    )


def labels(contents: Contents, console: Console, crops: int) -> Iterator[RenderableType]:
    """A table of labels; and the most central patch of each label's best clusters, where the terminal can."""
    run, thumbnails = contents.run, Thumbnails(contents, console)
    pictures = run.all_records.counts()
    best = {label: contents.best_clusters(label) for label in contents.labels}
    scale = max((found[0].facts["median_typicality"] for found in best.values() if found), default=0.0)
    across = min(crops, fitting(console.width))
    faces = [[int(one.rows[0]) for one in best[label][:across]] for label in contents.labels]
    strips = thumbnails.load(faces)
    selected = [(label, contents.selected(label, contents.run.selection)) for label in contents.labels]
    patches, cells = above_chance.column(contents, selected)
    headings = ("label", "pictures", patches, "clusters", "outliers", "best cluster's median")
    table = new_table(*headings, left=[headings[0], headings[-1]])
    widest = max(map(len, [*patches.splitlines(), *(line for cell in cells for line in cell.splitlines())]))
    table.columns[0].max_width = max(10, console.width - BESIDE - widest)
    for label, cell in zip(contents.labels, cells, strict=True):
        found = best[label]
        counts = (
            f"{pictures.get(label, 0):,}",
            cell,
            f"{len(contents.clusters(label)):,}",
            f"{len(contents.outliers(label)):,}",
        )
        table.add_row(name(label, "bold"), *counts, _median(found[0], scale) if found else "none")
    yield table
    if thumbnails.shown:
        yield from _faces(contents, strips)
    elif thumbnails.cause:
        yield Text(f"crops are not shown: {visible(thumbnails.cause)}", style="yellow")


def _median(one: Cluster, scale: float) -> Text:
    return remarked(measured(one.facts["median_typicality"], scale, BAR_WIDTH), one)


def _faces(contents: Contents, strips: list[Text]) -> Iterator[RenderableType]:
    for label, strip in zip(contents.labels, strips, strict=True):
        if strip:
            yield Text()
            yield heading(label, "the most central patch of its best clusters")
            yield strip


def loss_line(losses: list[float]) -> Text | None:
    """The loss of finetuning as a curve, with the first and the last value; None where it was not logged."""
    losses = [loss for loss in losses if loss is not None]
    if len(losses) < 2:
        return None
    curve = sparkline(losses, CURVE)
    return Text.assemble(("finetuning loss  ", "dim"), f"{losses[0]:.3f} ", (curve, "cyan"), f" {losses[-1]:.3f}")


def ending(run: Run) -> Iterator[RenderableType]:
    """Warnings, and where the run lies."""
    page = run.path / "report" / "index.html"
    paths = [("run", run.path), *([("report", page)] if page.exists() else [])]
    notes = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for warning in run.info["warnings"]:
        notes.add_row(Text("warning", style=FLAG), Text(visible(warning)))
    for title, path in paths:
        notes.add_row(Text(title, style="dim"), Text(visible(str(path)), overflow="fold"))
    yield Text()
    yield notes


def _title(run: Run) -> Text:
    stages = run.info["stages"]
    seconds = sum(entry["seconds"] for entry in stages.values())
    remarks = [f"seed {run.recipe.header.seed}"]
    if "images" in stages:
        remarks.append(f"{counted(len(run.records), 'picture')} of {counted(len(run.labels), 'label')}")
    remarks.append(f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min")
    if not run.info.get("complete", True):
        remarks.append("not finished")
    return heading(run.info["name"], *remarks)
