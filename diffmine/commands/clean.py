"""``diffmine clean``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import store_option


@click.command("clean")
@store_option
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def command(store: Path | None, dry_run: bool) -> None:
    """Remove stored artifacts that no existing run folder refers to."""
    from diffmine.engine.running import store_path
    from diffmine.errors import ArtifactError
    from diffmine.store.artifacts import FORMAT_FILE, Store
    from diffmine.store.cleaning import remove, unreferenced
    from diffmine.terminal.console import human_size

    root = store_path(store)
    if not (root / FORMAT_FILE).exists():
        raise ArtifactError(f"{root} is no store of diffmine: it has no {FORMAT_FILE}; name the store with --store")
    opened = Store(root)
    condemned = unreferenced(opened)
    for path, size in condemned:
        click.echo(f"{'would remove' if dry_run else 'removing'} {path} ({human_size(size)})")
        if not dry_run:
            remove(opened, path)
    total = sum(size for _, size in condemned)
    click.echo(
        f"{len(condemned)} artifacts, {human_size(total)}{' would be' if dry_run else ''} freed in {opened.root}"
    )
