"""``diffmine init``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import json_option, quiet_option


@click.command("init")
@click.argument("pictures", metavar="PICTURES", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The recipe (default: NAME.toml here).")
@click.option("--device", default="auto", show_default=True, help="The device that it will run on.")
@click.option("--image", metavar="COLUMN", help="Of a table: the pictures' paths (default: path, file_name, ...).")
@click.option("--label", metavar="COLUMN", help="Of a table: the labels (default: group_name, label, class, ...).")
@quiet_option
@json_option
def command(
    pictures: Path,
    out: Path | None,
    device: str,
    image: str | None,
    label: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Look at PICTURES and write a recipe that fits them and this machine.

    PICTURES is a folder with a folder for each label, or a table that lists them (.csv, .tsv, .jsonl, .parquet), such
    as VisDiff's, a Hugging Face imagefolder or saved dataset, or a FiftyOne export of image classifications.

    Nothing is asked and no picture is changed. Says what may be wrong with the pictures: unreadable files, copies,
    pictures that look alike, pictures under several labels, labels that differ in spelling alone.
    """
    from diffmine.starting.start import start
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.survey_view import survey_view

    with listening(quiet=quiet or as_json) as listener:
        started = start(pictures, out=out, device=device, image=image, label=label, listener=listener)
    if as_json:
        click.echo(started.to_json())
    elif not quiet:
        console = output()
        for part in survey_view(started):
            console.print(part)
