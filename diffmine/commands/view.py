"""``diffmine view``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from diffmine.commands.options import run_argument


@click.command("view")
@run_argument
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on this machine (default: any free one).")
@click.option("--browser/--no-browser", default=True, help="Open the browser.")
def command(run_folder: Path, port: int, browser: bool) -> None:
    """Show a run's report in the browser, served to this machine only, until Ctrl-C.

    There clusters can be named, starred, hidden and noted; it is kept in RUN/notes.json. Crops that a page of very many
    patches left out are drawn when they are looked at.
    """
    import webbrowser

    from diffmine.runs.serving import serve

    with serve(run_folder, port) as server:
        server.drawn = _drawing(run_folder)
        click.echo(f"{server.address}  (Ctrl-C ends)")
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


def _drawing(run_folder: Path) -> Callable[[str], bytes | None] | None:
    """Draws the crops that the report of a run left out; None where it left none out."""
    from diffmine.drawing.crop_sheets import PLAN, SheetsOnDemand
    from diffmine.engine.opening import load_run

    report = run_folder / "report"
    return SheetsOnDemand(load_run(run_folder).contents, report) if (report / PLAN).is_file() else None
