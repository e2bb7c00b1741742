"""``diffmine init``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import json_option, quiet_option


@click.command("init")
@click.argument("folder", metavar="PICTURES", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The recipe (default: NAME.toml here).")
@click.option("--device", default="auto", show_default=True, help="The device that it will run on.")
@quiet_option
@json_option
def command(folder: Path, out: Path | None, device: str, quiet: bool, as_json: bool) -> None:
    """Look at PICTURES, a folder for each label, and write a recipe that fits them and this machine.

    Nothing is asked and no picture is changed. Says what may be wrong with the pictures: unreadable files, copies,
    pictures under several labels, labels that differ in spelling alone.
    """
    from diffmine.starting.start import start
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.survey_view import survey_view

    with listening(quiet=quiet or as_json) as listener:
        started = start(folder, out=out, device=device, listener=listener)
    if as_json:
        click.echo(started.to_json())
    elif not quiet:
        console = output()
        for part in survey_view(started):
            console.print(part)
