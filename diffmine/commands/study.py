"""``diffmine study``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import device_option, json_option, quiet_option, set_option, store_option


@click.command("study")
@click.argument("study_file", metavar="STUDY", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Study folder (default: studies/NAME).")
@store_option
@set_option
@device_option
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Runs at once, a process each.")
@quiet_option
@json_option
def command(
    study_file: Path,
    out: Path | None,
    store: Path | None,
    overrides: tuple[str, ...],
    device: str,
    workers: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run every variant of STUDY at every grid point with every seed, and compare them.

    What runs share is computed once. Writes results.csv, .parquet and .md, agreement.csv, clusters.csv and plots into
    the study folder. A run that fails does not stop the others; the exit code is then 1.
    """
    from diffmine.studies.study import study
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.study_view import study_view

    with listening(quiet=quiet or as_json) as listener:
        results, comparison = study(
            study_file,
            out=out,
            store=store,
            overrides=overrides,
            device=device,
            workers=workers,
            listener=listener,
        )
    if as_json:
        click.echo(results.to_json())
    elif not quiet:
        console = output()
        console.print()
        for part in study_view(results, comparison, console):
            console.print(part)
        click.echo(f"\nresults  {out or Path('studies') / results.name}")
    if results.failures:
        raise click.exceptions.Exit(1)
