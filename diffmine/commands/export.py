"""``diffmine export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from diffmine.commands.options import RegisteredName, run_argument

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@click.command("export")
@run_argument
@click.option("--to", "as_format", type=RegisteredName("exporters"), required=True, help="The format.")
@click.option("--label", metavar="LABEL", help="Patches of this label alone.")
@click.option("--cluster", metavar="K", help="Patches of this cluster of the label; or outliers, random, least.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write (default: print).")
def command(run_folder: Path, as_format: str, label: str | None, cluster: str | None, out: Path | None) -> None:
    """Write the patches of RUN for other tools.

    The path of --out is printed. Tables are csv, json, markdown and parquet; coco, fiftyone and labelstudio give a box
    for each patch, with its cluster as the class; embedding-atlas a map of crops.
    """
    from diffmine.engine.opening import load_run

    write_export(load_run(run_folder), label, cluster, as_format, out)


def write_export(run: Run, label: str | None, cluster: str | None, as_format: str, out: Path | None) -> None:
    """Write the patches that were asked for to a file and print its path, or print them."""
    from diffmine.files.atomic import write_atomically
    from diffmine.interfaces import Exporter
    from diffmine.plugins.kinds import KIND_OF_NAME
    from diffmine.plugins.registry import registry
    from diffmine.terminal.show import chosen_rows

    exporter = cast(Exporter, registry().build(KIND_OF_NAME["exporters"], as_format, {}))
    data = exporter.export(run.contents, chosen_rows(run.contents, label, cluster))
    if out is not None:
        write_atomically(out, data)
        click.echo(out)
    elif exporter.binary and sys.stdout.isatty():
        raise click.UsageError(f"{as_format} is not for a terminal; add --out FILE")
    else:
        click.echo(data, nl=False)
