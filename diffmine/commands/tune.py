"""``diffmine tune``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import (
    device_option,
    json_option,
    quiet_option,
    recipe_argument,
    set_option,
    store_option,
)


@click.command("tune")
@recipe_argument
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Receives the results (default: tuning/NAME)."
)
@store_option
@set_option
@click.option("--pictures", type=click.IntRange(12), default=84, show_default=True, help="Most pictures to measure.")
@click.option("--draws", type=click.IntRange(40), default=48, show_default=True, help="Draws of each, all timesteps.")
@device_option
@quiet_option
@json_option
def command(
    recipe: Path,
    out: Path | None,
    store: Path | None,
    overrides: tuple[str, ...],
    pictures: int,
    draws: int,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Choose timesteps, blur, patch size and draws for RECIPE, without masks.

    Runs the recipe's stages up to finetuning, then measures on pictures that the model has not seen which settings
    tell their own labels from wrong ones best. Writes a recipe that extends RECIPE, tables and a plot.
    """
    from diffmine.terminal.console import output
    from diffmine.terminal.progress import listening
    from diffmine.terminal.tuning_view import tuning_view
    from diffmine.tuning.tune import tune
    from diffmine.tuning.writing import PLOT, RECIPE, to_json

    with listening(quiet=quiet or as_json) as listener:
        tuned = tune(
            recipe,
            out=out,
            store=store,
            overrides=overrides,
            device=device,
            pictures=pictures,
            draws=draws,
            listener=listener,
        )
    if as_json:
        click.echo(to_json(tuned))
    elif not quiet:
        console = output()
        console.print()
        for part in tuning_view(tuned):
            console.print(part)
        click.echo(f"\nplot     {tuned.folder / PLOT}\nrecipe   {tuned.folder / RECIPE}")
