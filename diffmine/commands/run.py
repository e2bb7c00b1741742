"""``diffmine run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from diffmine.commands.options import (
    device_option,
    executor_option,
    json_option,
    quiet_option,
    set_option,
    store_option,
)

if TYPE_CHECKING:
    from diffmine.interfaces import Listener


@click.command("run")
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path))
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

    Instead of a recipe, pictures can be named, as for `diffmine init`: a recipe for them is written to the current
    folder first, and the next run of the same pictures goes on with it.

    Finished stages are kept in the store: after an interruption, or a change in the recipe, only what is missing is
    computed.
    """
    from diffmine.engine import running
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.run_summary import summary_json

    chosen = () if executor is None else (f"executor.use={executor}",)
    with listening(quiet=quiet or as_json) as listener:
        recipe, about = _recipe_for(recipe, device, listener)
    if about and not quiet:
        click.echo(about, err=True)
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


def _recipe_for(path: Path, device: str, listener: Listener) -> tuple[Path, str]:
    """The recipe itself, or the one for the pictures that were named in its place; and what to say of it, if anything.

    Raises:
        RecipeError, DataError: there is no recipe for the pictures, and none can be written.
    """
    from diffmine.errors import RecipeError
    from diffmine.files.names import RUN_FILE
    from diffmine.progress.durations import human_time
    from diffmine.starting.sources import is_source
    from diffmine.starting.start import start, written_before

    if not is_source(path):
        return path, ""
    if (path / RUN_FILE).is_file():
        raise RecipeError(f"{path} is a run folder; run {path / 'recipe.toml'}, or look at it with diffmine show")
    if (before := written_before(path)) is not None:
        return before, f"recipe   {before.absolute()}, written before for these pictures"
    started = start(path, device=device, listener=listener)
    said = [
        f"recipe   {started.recipe.absolute()}, written for {path} ({started.what}); yours to change and run again",
        f"         as it is, it takes about {human_time(started.cost.seconds)} on this machine's {started.cost.device}",
    ]
    return started.recipe, "\n".join([*said, *(f"!        {remark}" for remark in started.remarks)])
