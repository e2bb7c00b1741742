"""``diffmine figure``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import RegisteredName, run_argument


@click.command("figure")
@run_argument
@click.option("--kind", type=RegisteredName("figures"), default="grid", show_default=True, help="What to draw.")
@click.option(
    "--before",
    metavar="RUN",
    type=click.Path(path_type=Path, file_okay=False),
    help="An earlier run over the same pictures: show its typicality beside this run's, whatever --kind says.",
)
@click.option("--labels", metavar="A,B", help="Labels to show, each a panel (default: all).")
@click.option("--rows", type=click.IntRange(1, 100), help="Clusters in a grid; lines of crops elsewhere.")
@click.option("--columns", type=click.IntRange(1, 100), help="Crops in a row.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    default="figure.png",
    show_default=True,
    help="File to write; its suffix (png, pdf, svg) decides the format.",
)
def command(
    run_folder: Path,
    kind: str,
    before: Path | None,
    labels: str | None,
    rows: int | None,
    columns: int | None,
    output: Path,
) -> None:
    """Draw a figure of a run, sized for a paper's column.

    What it says to those who cannot see it is printed, and kept in the file.
    """
    from diffmine.engine.opening import load_run

    run = load_run(run_folder)
    chosen = None if labels is None else _split(labels, run.labels)
    earlier = None if before is None else load_run(before)
    drawing = run.figure(kind, chosen, before=earlier, rows=rows, columns=columns)
    drawing.save(output)
    click.echo(output)
    click.echo(f"alt text: {drawing.alt}", err=True)


def _split(text: str, known: list[str]) -> list[str]:
    """Labels joined by commas; a label that holds a comma itself can be named alone."""
    return [text] if text in known else [part.strip() for part in text.split(",") if part.strip()]
