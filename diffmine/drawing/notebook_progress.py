"""How a run goes, in a notebook: the terminal's view as one output of the cell, redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from diffmine.interfaces import Progress
from diffmine.terminal.run_progress import LiveView

INTERVAL = 0.2
"""Seconds between two drawings while units advance: each travels to the browser."""


class NotebookView(LiveView):
    """All stages with their bars, rates and times left; warnings follow below.

    rich renders the bars as HTML, and IPython puts them in place of the last; rich's own live display needs ipywidgets.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress.disable = True
        self._output: Any = None
        self._drawn = 0.0

    def stage_started(self, stage: str) -> Progress:
        shown = super().stage_started(stage)
        self._draw()
        return _Redrawn(shown, self._draw, self._draw_now_and_then)

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        super().stage_finished(stage, seconds, reused)
        self._draw()

    def _draw_now_and_then(self) -> None:
        if time.monotonic() - self._drawn >= INTERVAL:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        if self._output is None:
            self._output = display(self._progress, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._output.update(self._progress)
        self._drawn = time.monotonic()


class _Redrawn:
    """Passes progress on, and has it drawn."""

    def __init__(self, shown: Progress, draw: Callable[[], None], draw_now_and_then: Callable[[], None]) -> None:
        self._shown, self._draw, self._draw_now_and_then = shown, draw, draw_now_and_then

    def start(self, total: int, unit: str) -> None:
        self._shown.start(total, unit)
        self._draw()

    def advance(self, amount: int = 1) -> None:
        self._shown.advance(amount)
        self._draw_now_and_then()

    def status(self, text: str) -> None:
        self._shown.status(text)
        self._draw_now_and_then()

    def warn(self, text: str) -> None:
        self._shown.warn(text)
