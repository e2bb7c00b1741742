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
    from diffmine.terminal.console import messages, print_warning

    console = messages()
    for path in rebuild(load_run(run_folder), lambda text: print_warning(console, text)):
        click.echo(path)
