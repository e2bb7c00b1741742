"""``diffmine show``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

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
    _export(run, label, cluster, as_format, out)


def _print_summary(run: Run, chosen: Sequence[object]) -> None:
    from diffmine.terminal.run_summary import summary_json

    if any(option is not None for option in chosen):
        raise click.UsageError("--json sums up the whole run; for patches in JSON name --export json instead")
    click.echo(summary_json(run))


def _export(run: Run, label: str | None, cluster: str | None, as_format: str, out: Path | None) -> None:
    from diffmine.files.atomic import write_atomically
    from diffmine.interfaces import Exporter
    from diffmine.plugins.kinds import KIND_OF_NAME
    from diffmine.plugins.registry import registry
    from diffmine.terminal.show import chosen_rows

    exporter = cast(Exporter, registry().build(KIND_OF_NAME["exporters"], as_format, {}))
    data = exporter.export(run.contents, chosen_rows(run.contents, label, cluster))
    if out is not None:
        write_atomically(out, data)
    elif exporter.binary and sys.stdout.isatty():
        raise click.UsageError(f"{as_format} is not for a terminal; add --out FILE")
    else:
        click.echo(data, nl=False)
