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
@click.option("--life", "as_life", is_flag=True, help="Show elements along the labels' order; with --cluster K, one.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Clusters or patches to show.")
@click.option(
    "--export", "as_format", type=RegisteredName("exporters"), help="Write the patches in this format instead."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for --export (default: print).")
@json_option
@click.option("--bibtex", "as_bibtex", is_flag=True, help="Print how to cite the run, in BibTeX.")
def command(
    run_folder: Path,
    label: str | None,
    cluster: str | None,
    as_life: bool,
    limit: int,
    as_format: str | None,
    out: Path | None,
    as_json: bool,
    as_bibtex: bool,
) -> None:
    """Show RUN on the terminal: labels, clusters, patches; or export its patches.

    --json prints a summary of the whole run for machines: stages, metrics, warnings, clusters of each label.

    coco gives a box for each patch, with its cluster as the category.
    """
    from diffmine.engine.opening import load_run
    from diffmine.terminal.console import output
    from diffmine.terminal.show import show, show_life

    run = load_run(run_folder)
    if as_life:
        if label is not None or as_format is not None or out is not None or as_json or as_bibtex:
            raise click.UsageError("--life shows elements over all labels; only --cluster and --limit go with it")
        show_life(run, output(), cluster, limit)
        return
    if as_json or as_bibtex:
        _refuse_a_choice("--json sums up" if as_json else "--bibtex cites", (label, cluster, as_format, out))
        click.echo(_whole(run, as_json=as_json), nl=as_json)
        return
    if as_format is None:
        if out is not None:
            raise click.UsageError(f"--out {out}: only an export is written to a file; add --export FORMAT")
        show(run, output(), label, cluster, limit)
        return
    write_export(run, label, cluster, as_format, out)


def _whole(run: Run, *, as_json: bool) -> str:
    from diffmine.runs.citing import bibtex
    from diffmine.terminal.run_summary import summary_json

    return summary_json(run) if as_json else bibtex(run)


def _refuse_a_choice(what: str, chosen: Sequence[object]) -> None:
    if any(option is not None for option in chosen):
        raise click.UsageError(f"{what} the whole run; for patches in JSON name --export json instead")
