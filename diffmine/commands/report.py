"""``diffmine report``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import run_argument


@click.command("report")
@run_argument
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting of a report, such as report.html.single_file=true; repeatable.",
)
def command(run_folder: Path, overrides: tuple[str, ...]) -> None:
    """Make the reports of a finished run again: figures, the page to look at.

    --set report.html.single_file=true makes the page one file, to send by mail.
    """
    from diffmine.engine.opening import load_run
    from diffmine.engine.rebuilding import rebuild
    from diffmine.terminal.console import messages, print_warning

    console = messages()
    for path in rebuild(load_run(run_folder), lambda text: print_warning(console, text), overrides):
        click.echo(path)
