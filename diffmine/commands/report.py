"""``diffmine report``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import run_argument


@click.command("report")
@run_argument
def command(run_folder: Path) -> None:
    """Make the reports of a finished run again: figures, the page to look at."""
    from diffmine.engine.opening import load_run
    from diffmine.engine.rebuilding import rebuild

    for path in rebuild(load_run(run_folder)):
        click.echo(path)
