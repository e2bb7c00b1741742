"""``diffmine view``."""

from __future__ import annotations

from pathlib import Path

import click

from diffmine.commands.options import run_argument


@click.command("view")
@run_argument
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on this machine (default: any free one).")
@click.option("--browser/--no-browser", default=True, help="Open the browser.")
def command(run_folder: Path, port: int, browser: bool) -> None:
    """Show a run's report in the browser, served to this machine only, until Ctrl-C.

    There clusters can be named, starred, hidden and noted; it is kept in RUN/notes.json.
    """
    import webbrowser

    from diffmine.runs.serving import serve

    with serve(run_folder, port) as server:
        click.echo(f"{server.address}  (Ctrl-C ends)")
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
