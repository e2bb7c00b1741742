"""How a run goes, in a notebook: its bars as one output of the cell, redrawn in place."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from diffmine.interfaces import Event
from diffmine.progress.rows import rows, warning_line
from diffmine.progress.tally import Tally

INTERVAL = 0.2
"""Seconds between two drawings while units advance: each travels to the browser."""


class NotebookView:
    """All stages with their bars, rates and times left; warnings follow below.

    rich renders the bars as HTML, and IPython puts them in place of the last; rich's own live display needs ipywidgets.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._tally = Tally()
        self._output: Any = None
        self._drawn = 0.0

    def __call__(self, event: Event) -> None:
        self._tally(event)
        if event.what == "warning":
            self._console.print(warning_line(event.text))
        elif event.what not in ("advanced", "status") or time.monotonic() - self._drawn >= INTERVAL:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        drawn = rows(self._tally, self._console.width)
        if self._output is None:
            self._output = display(drawn, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._output.update(drawn)
        self._drawn = time.monotonic()
