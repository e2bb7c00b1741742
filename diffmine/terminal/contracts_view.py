"""What ``diffmine test-plugin`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from diffmine.terminal.glyphs import visible
from diffmine.terminal.rich_tables import counted

if TYPE_CHECKING:
    from diffmine.testing.plugin_contracts import Outcome


def print_outcome(console: Console, outcome: Outcome, *, verbose: bool) -> None:
    """One line for a component, and what failed below it."""
    title = f"{outcome.entry.kind.singular} {outcome.entry.component.name}"
    if outcome.untested:
        console.print(Text.assemble((title, "bold"), ("  not tested: ", "yellow"), outcome.untested))
        return
    passed = f"{counted(outcome.passed, 'test')} passed"
    failed = (f", {len(outcome.failed)} failed", "red") if outcome.failed else ""
    console.print(Text.assemble((title, "bold"), ("  ", ""), (passed, "green"), failed))
    for failure in outcome.failed:
        console.print(Text(f"  {failure.test}: {visible(failure.cause)}", style="red"))
        if verbose:
            console.print(failure.traceback, markup=False, highlight=False)
