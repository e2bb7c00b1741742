"""``diffmine plugins``."""

from __future__ import annotations

import click

from diffmine.commands.options import json_option


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:
    """List installed components: kind, name, what it is, where it comes from; and plugins that failed."""
    from diffmine.plugins.registry import registry
    from diffmine.terminal.console import output
    from diffmine.terminal.plugins_view import plugins_json, print_plugins

    if as_json:
        click.echo(plugins_json(registry()))
    else:
        print_plugins(output(), registry())
