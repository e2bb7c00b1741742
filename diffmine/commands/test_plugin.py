"""``diffmine test-plugin``."""

from __future__ import annotations

import click


@click.command("test-plugin")
@click.argument("name")
@click.option("-v", "--verbose", is_flag=True, help="Print the whole traceback of each failed test.")
@click.pass_context
def command(context: click.Context, name: str, verbose: bool) -> None:
    """Run diffmine's contract tests on every component of the installed distribution NAME, with default options.

    The exit code is 0 when all pass, 1 when one fails or the plugin cannot be loaded.
    """
    from diffmine.plugins.registry import registry
    from diffmine.terminal.console import output
    from diffmine.terminal.contracts_view import print_outcome
    from diffmine.testing.plugin_contracts import of_distribution, outcomes

    found = of_distribution(registry(), name)
    console, failed = output(), bool(found.failures)
    for failure in found.failures:
        console.print(str(failure), style="red", markup=False)
    for outcome in outcomes(found.entries):
        print_outcome(console, outcome, verbose=verbose)
        failed = failed or bool(outcome.failed)
    context.exit(int(failed))
