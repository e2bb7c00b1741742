"""``diffmine localize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from diffmine.interfaces import Event


@click.command("localize")
@click.argument("targets", metavar="RECIPE | BEFORE AFTER", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the recipe for both runs, such as dataset.path=data/xray; repeatable.",
)
@click.option(
    "--base-set",
    "base_overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value for the run of the base model alone, such as model.path=...; repeatable.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for tables, plots and the two runs (default: localization/NAME).",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="DIFFMINE_STORE",
    help="Folder of stored artifacts (default: the user's cache folder, or $DIFFMINE_STORE).",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or another torch device.")
@click.option(
    "--overlays",
    type=click.IntRange(1, 20),
    default=4,
    show_default=True,
    help="Pictures of each finding in overlays.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def command(
    targets: tuple[Path, ...],
    overrides: tuple[str, ...],
    base_overrides: tuple[str, ...],
    out: Path | None,
    store: Path | None,
    device: str,
    overlays: int,
    as_json: bool,
) -> None:
    """How well typicality points at what was boxed: the base model against the finetuned one, finding by finding.

    Give a RECIPE, which is run twice up to its maps, without finetuning and as it is; or two finished runs over the
    same pictures.
    """
    from rich.console import Console

    from diffmine_localize.experiment import compare, run_both, runs_of
    from diffmine_localize.writing import as_json as json_of
    from diffmine_localize.writing import terminal_table

    if len(targets) == 1:
        before, after, folder = run_both(
            targets[0], overrides, base_overrides, out, store=store, device=device, listener=_tell
        )
    elif len(targets) == 2:
        if overrides or base_overrides:
            raise click.UsageError("--set and --base-set are for a recipe; finished runs are as they are")
        before, after, folder = runs_of(*targets, out)
    else:
        raise click.UsageError(f"give one recipe or two runs, not {len(targets)} paths")
    rows = compare(before, after, folder, overlays)
    if as_json:
        click.echo(json_of(rows))
        return
    Console().print(terminal_table(rows))
    click.echo(f"\nresults  {folder}")


def _tell(event: Event) -> None:
    """A line on the error stream for each stage that is done, and each warning."""
    if event.what == "stage finished":
        done = "taken from the store" if event.reused else f"{event.seconds:.0f} s"
        click.echo(f"{event.run}  {event.stage}  {done}", err=True)
    elif event.what == "warning":
        click.secho(f"warning: {event.text}", fg="yellow", err=True)
