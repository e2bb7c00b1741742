"""``diffmine compare``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import json_option


@click.command("compare")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write tables and plots here as well.")
@json_option
def command(runs: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Compare finished runs over the same pictures: metrics, agreement, what became of clusters."""
    from diffmine.studies.study import compare
    from diffmine.terminal.console import output
    from diffmine.terminal.study_view import study_view

    results, comparison = compare(runs, out)
    if as_json:
        click.echo(results.to_json())
        return
    console = output()
    for part in study_view(results, comparison, console):
        console.print(part)
    if out is not None:
        click.echo(f"\nresults  {out}")
