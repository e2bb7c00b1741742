"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
run_argument = click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the recipe, such as patches.size=48; repeatable.",
)
store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="DIFFMINE_STORE",
    help="Folder of stored artifacts (default: the user's cache folder, or $DIFFMINE_STORE).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
