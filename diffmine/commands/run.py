"""``diffmine run``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import (
    device_option,
    executor_option,
    json_option,
    quiet_option,
    recipe_argument,
    set_option,
    store_option,
)


@click.command("run")
@recipe_argument
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder (default: runs/NAME).")
@store_option
@set_option
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@device_option
@executor_option
@click.option("--fresh", is_flag=True, help="Compute everything again, whatever is stored.")
@click.option("--fresh-from", metavar="STAGE", help="Compute this stage and those after it again.")
@quiet_option
@json_option
def command(
    recipe: Path,
    out: Path | None,
    store: Path | None,
    overrides: tuple[str, ...],
    until: str | None,
    device: str,
    executor: str | None,
    fresh: bool,
    fresh_from: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run RECIPE: finetune, score, select, cluster, measure, report.

    Finished stages are kept in the store: after an interruption, or a change in the recipe, only what is missing is
    computed.
    """
    from diffmine.engine import running
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.run_summary import summary_json

    chosen = () if executor is None else (f"executor.use={executor}",)
    with listening(quiet=quiet or as_json) as listener:
        finished = running.run(
            recipe,
            out=out,
            store=store,
            overrides=(*overrides, *chosen),
            until=until,
            device=device,
            fresh=fresh,
            listener=listener,
            fresh_from=fresh_from,
        )
    if as_json:
        click.echo(summary_json(finished))
    elif not quiet:
        running.show_reports(finished, output())
