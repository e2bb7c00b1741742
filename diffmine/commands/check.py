"""``diffmine check``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import executor_option, json_option, recipe_argument, set_option, store_option


@click.command("check")
@recipe_argument
@set_option
@store_option
@click.option("--device", default="auto", show_default=True, help="The device whose time to estimate.")
@executor_option
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Forwards a second, as measured where the executor computes: tells the hours there.",
)
@json_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    store: Path | None,
    device: str,
    executor: str | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """Check RECIPE without loading a model; print it with every default, and what it will cost.

    What the store has already is left out of the time.
    """
    from diffmine.engine.estimate import estimate
    from diffmine.engine.keys import stored_stages
    from diffmine.engine.running import store_path
    from diffmine.plugins.registry import registry
    from diffmine.recipes.reading import load_recipe
    from diffmine.recipes.resolving import resolve
    from diffmine.terminal.check_view import print_check
    from diffmine.terminal.console import output

    chosen = () if executor is None else (f"executor.use={executor}",)
    resolved = resolve(load_recipe(recipe, (*overrides, *chosen)), registry())
    cost = estimate(resolved, device).given(stored_stages(resolved, store_path(store)))
    if as_json:
        import json

        click.echo(json.dumps({"recipe": resolved.components.describe(), "cost": cost.as_dict()}, indent=1))
    else:
        print_check(output(), resolved, cost, rate)
