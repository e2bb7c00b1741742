"""Consoles, and numbers for people: what everything that prints shares."""

from __future__ import annotations

import sys

from rich.console import Console

from diffmine.progress.rows import warning_line


def output() -> Console:
    """The console for results, on standard output; characters that it cannot take become question marks."""
    return _console(stderr=False)


def messages() -> Console:
    """The console for progress and warnings, on standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr, highlight=False)


def human_size(count: float) -> str:
    """Bytes for people: ``1.3 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def print_warning(console: Console, text: str) -> None:
    """A warning, with what users named in it left as they wrote it."""
    console.print(warning_line(text))
