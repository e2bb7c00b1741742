"""``diffmine new-plugin``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("new-plugin")
@click.argument("name")
@click.option("--kind", "choice", required=True, help="What it adds, such as clusterer; an unknown one lists them all.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to make (default: the plugin's name)."
)
def command(name: str, choice: str, out: Path | None) -> None:
    """Write a plugin, complete with a component, its test, licence and CI, ready to be changed and published.

    NAME is the distribution's; diffmine- is put in front where it is missing.
    """
    import shlex

    from diffmine.plugins.registry import registry
    from diffmine.templates.writing import checked_answers, write_plugin

    answers = checked_answers(name, choice, registry())
    folder = out or Path(answers.name)
    for path in write_plugin(answers, folder):
        click.echo(path)
    click.echo("\nnow:")
    click.echo(f"  pip install --editable {shlex.quote(str(folder))}")
    click.echo("  diffmine plugins")
    click.echo(f"  diffmine test-plugin {answers.name}")
