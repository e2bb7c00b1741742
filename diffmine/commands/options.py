"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or another torch device."
)
executor_option = click.option(
    "--executor", metavar="NAME", help="Where heavy stages run; short for --set executor.use=NAME."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print only warnings and errors.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


class RegisteredName(click.ParamType[str]):
    """The name of a component of a kind that no recipe chooses from; what is installed is looked up when asked."""

    def __init__(self, kind: str) -> None:
        self.name, self._kind = kind.removesuffix("s"), kind

    def names(self) -> list[str]:
        from diffmine.plugins.kinds import KIND_OF_NAME
        from diffmine.plugins.registry import registry

        return registry().names(KIND_OF_NAME[self._kind])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(self.names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = self.names()
        if value not in known:
            self.fail(f"{value!r} is none of those that are installed: {', '.join(known)}", param, ctx)
        return str(value)
