"""``diffmine schema``."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of recipes over all installed components, for editors."""
    from diffmine.plugins.registry import registry
    from diffmine.recipes.schema import recipe_schema

    click.echo(json.dumps(recipe_schema(registry()), indent=1, ensure_ascii=False))
