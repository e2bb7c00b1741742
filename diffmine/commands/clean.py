"""``diffmine clean``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import store_option


@click.command("clean")
@store_option
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--verify", is_flag=True, help="Read every stored file, and remove the artifacts that are damaged.")
def command(store: Path | None, dry_run: bool, verify: bool) -> None:
    """Remove stored artifacts that no existing run folder refers to.

    What a run needs of what was removed as damaged is computed again when its recipe runs the next time.
    """
    from diffmine.engine.running import store_path
    from diffmine.errors import ArtifactError
    from diffmine.store.artifacts import FORMAT_FILE, Store
    from diffmine.store.cleaning import damaged, remove, unreferenced
    from diffmine.terminal.console import human_size

    root = store_path(store)
    if not (root / FORMAT_FILE).exists():
        raise ArtifactError(f"{root} is no store of diffmine: it has no {FORMAT_FILE}; name the store with --store")
    opened = Store(root)
    condemned, verb = unreferenced(opened), "would remove" if dry_run else "removing"
    for path, size in condemned:
        click.echo(f"{verb} {path} ({human_size(size)})")
        if not dry_run:
            remove(opened, path)
    total = sum(size for _, size in condemned)
    click.echo(
        f"{len(condemned)} artifacts, {human_size(total)}{' would be' if dry_run else ''} freed in {opened.root}"
    )
    if verify:
        harmed = 0
        for path, damage in damaged(opened):
            if damage is not None:
                harmed += 1
                click.echo(f"{verb} {path}: {damage}")
                if not dry_run:
                    remove(opened, path)
        click.echo(f"{harmed} damaged artifacts")
