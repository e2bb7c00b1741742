"""``diffmine report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from diffmine.commands.options import run_argument

if TYPE_CHECKING:
    from diffmine.runs.run import Run

PAGE = "html"
SENDABLE = 20
"""MB that mail usually takes."""
SINGLE_FILE = ("report.html.single_file=true", f"report.html.max_megabytes={SENDABLE}")
PUBLIC = ("report.html.public=true",)


@click.command("report")
@run_argument
@click.option("--single-file", is_flag=True, help=f"Make the page one file of at most {SENDABLE} MB, to send by mail.")
@click.option(
    "--public", is_flag=True, help="Keep paths and names of files out of the page, so that anyone may see it."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting of a report, such as report.html.quality=90; repeatable.",
)
def command(run_folder: Path, single_file: bool, public: bool, overrides: tuple[str, ...]) -> None:
    """Make the reports of a finished run again: figures, the page to look at.

    --single-file leaves whole pictures out where there is no room for them, and says so where the crops alone take
    more; --set report.html.max_megabytes=40 makes room.
    """
    from diffmine.engine.opening import load_run
    from diffmine.engine.rebuilding import rebuild
    from diffmine.terminal.console import messages, print_warning

    console, run = messages(), load_run(run_folder)
    plain = [*(SINGLE_FILE if single_file else ()), *(PUBLIC if public else ())]
    if plain:
        plain.insert(0, _with_the_page(run))
    for path in rebuild(run, lambda text: print_warning(console, text), [*plain, *overrides]):
        click.echo(path)


def _with_the_page(run: Run) -> str:
    """The setting by which a run's reports have the page among them."""
    use = run.recipe.tables["report"]["use"]
    names = [use] if isinstance(use, str) else list(use)
    return f"report.use={json.dumps(names if PAGE in names else [*names, PAGE])}"
