"""A run at a glance: its labels, their best clusters, its metrics and warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from diffmine.drawing.contents import Contents
from diffmine.terminal.crops import Thumbnails
from diffmine.terminal.glyphs import sparkline, visible
from diffmine.terminal.metrics_table import metrics_table
from diffmine.terminal.tables import counted, heading, measured, name, new_table
from diffmine.terminal.thumbnails import fitting

if TYPE_CHECKING:
    from diffmine.run_folder import Run

CURVE = 32
BAR_WIDTH = 12


def overview(run: Run, console: Console) -> Iterator[RenderableType]:
    """The parts, from the top."""
    yield _title(run)
    if run.training_log is not None and (curve := loss_line(run.training_log["loss"].to_pylist())):
        yield curve
    if "clusters" in run.info["stages"]:
        yield Text()
        yield from labels(Contents(run), console)
    if "metrics" in run.info["stages"] and run.metrics:
        yield Text()
        yield metrics_table(run.metrics)
    yield from ending(run)


def labels(contents: Contents, console: Console) -> Iterator[RenderableType]:
    """A table of labels; with the most central crop of each cluster below a label, where the terminal can."""
    run, thumbnails = contents.run, Thumbnails(contents, console)
    pictures = [record.labels for record in run.records.values()]
    best = {label: contents.best_clusters(label) for label in contents.labels}
    scale = max((found[0].facts["median_typicality"] for found in best.values() if found), default=0.0)
    faces = [[int(one.rows[0]) for one in best[label]][: fitting(console.width - 2)] for label in contents.labels]
    strips = thumbnails.load(faces)
    headings = ("label", "pictures", "patches", "clusters", "outliers", "best cluster, median typicality")
    table = new_table(*headings, left=[headings[0], headings[-1]])
    table.columns[0].max_width = max(12, console.width - 68)
    for label in contents.labels:
        found = best[label]
        counts = (
            sum(label in one for one in pictures),
            len(contents.selected(label, contents.mined)),
            len(contents.clusters(label)),
            len(contents.outliers(label)),
        )
        first = measured(found[0].facts["median_typicality"], scale, BAR_WIDTH) if found else "none"
        table.add_row(name(label, "bold"), *(f"{count:,}" for count in counts), first)
    yield table
    if thumbnails.shown:
        yield from _faces(contents, strips)
    elif thumbnails.cause:
        yield Text(f"crops are not shown: {visible(thumbnails.cause)}", style="yellow")


def _faces(contents: Contents, strips: list[Text]) -> Iterator[RenderableType]:
    for label, strip in zip(contents.labels, strips, strict=True):
        if strip:
            yield Text()
            yield heading(label, "the most central patch of each cluster, best first")
            yield strip


def loss_line(losses: list[float]) -> Text | None:
    """The loss of finetuning as a curve, with the first and the last value; None where it was not logged."""
    losses = [loss for loss in losses if loss is not None]
    if not losses:
        return None
    curve = sparkline(losses, CURVE)
    return Text.assemble(("finetuning loss  ", "dim"), f"{losses[0]:.3f} ", (curve, "cyan"), f" {losses[-1]:.3f}")


def ending(run: Run) -> Iterator[RenderableType]:
    """Warnings, and where the run lies."""
    if run.info["warnings"]:
        yield Text()
    for warning in run.info["warnings"]:
        yield Text.assemble(("warning  ", "yellow"), visible(warning))
    yield Text()
    yield Text.assemble(("run      ", "dim"), visible(str(run.path)))
    if (page := run.path / "report" / "index.html").exists():
        yield Text.assemble(("report   ", "dim"), visible(str(page)))


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
