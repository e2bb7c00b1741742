"""The summary that a run ends with on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from diffmine.interfaces import ComponentConfig, Report

if TYPE_CHECKING:
    from rich.console import Console

    from diffmine.runs.run import Run


class Terminal(Report):
    """Labels with their best clusters, metrics, warnings and paths, on the terminal."""

    name = "terminal"

    class Config(ComponentConfig):
        """Options of ``terminal``."""

        clusters: int = Field(6, ge=0, description="clusters of each label to show a patch of; 0: tables alone")

    config: Config

    def show(self, run: Run, console: Console) -> None:
        """Print what ``diffmine show`` prints of a run."""
        from diffmine.terminal.overview import overview

        console.print()
        for part in overview(run, console, self.config.clusters):
            console.print(part)
