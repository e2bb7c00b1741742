"""``diffmine story``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import run_argument


@click.command("story")
@run_argument
@click.option("--title", help="Title of the page (default: made of the labels).")
@click.option("--elements", type=click.IntRange(1, 50), default=5, show_default=True, help="Elements at most.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    default="story.html",
    show_default=True,
    help="File to write.",
)
def command(run_folder: Path, title: str | None, elements: int, output: Path) -> None:
    """Write one page to share: the best-supported elements of RUN, on whole pictures, with their evidence.

    The page is one file, made for phones too, and names no files. Where nothing is supported it says so.
    """
    from diffmine.drawing.story import story
    from diffmine.engine.opening import load_run
    from diffmine.files.atomic import write_atomically

    write_atomically(output, story(load_run(run_folder), title, elements).encode())
    click.echo(output)
