"""``diffmine show``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from diffmine.commands.export import write_export
from diffmine.commands.options import RegisteredName, json_option, run_argument

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@click.command("show")
@run_argument
@click.option("--label", metavar="LABEL", help="Show the clusters of this label.")
@click.option("--cluster", metavar="K", help="Show the patches of this cluster; or outliers, random, least.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Clusters or patches to show.")
@click.option(
    "--export", "as_format", type=RegisteredName("exporters"), help="Write the patches in this format instead."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for --export (default: print).")
@json_option
def command(
    run_folder: Path,
    label: str | None,
    cluster: str | None,
    limit: int,
    as_format: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show RUN on the terminal: labels, clusters, patches; or export its patches.

    --json prints a summary of the whole run for machines: stages, metrics, warnings, clusters of each label.

    coco gives a box for each patch, with its cluster as the category.
    """
    from diffmine.engine.opening import load_run
    from diffmine.terminal.console import output
    from diffmine.terminal.show import show

    run = load_run(run_folder)
    if as_json:
        _print_summary(run, chosen=(label, cluster, as_format, out))
        return
    if as_format is None:
        if out is not None:
            raise click.UsageError(f"--out {out}: only an export is written to a file; add --export FORMAT")
        show(run, output(), label, cluster, limit)
        return
    write_export(run, label, cluster, as_format, out)


def _print_summary(run: Run, chosen: Sequence[object]) -> None:
    from diffmine.terminal.run_summary import summary_json

    if any(option is not None for option in chosen):
        raise click.UsageError("--json sums up the whole run; for patches in JSON name --export json instead")
    click.echo(summary_json(run))
