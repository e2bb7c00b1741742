"""The summary that a run ends with on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from diffmine.interfaces import ComponentConfig, Report

if TYPE_CHECKING:
    from diffmine.run_folder import Run


class Terminal(Report):
    """Tables of clusters and metrics, warnings and paths, on the terminal."""

    name = "terminal"

    class Config(ComponentConfig):
        """Options of ``terminal``."""

        clusters: int = Field(5, ge=1, description="clusters to show of each label")

    config: Config

    def show(self, run: Run, console: Console) -> None:
        done = run.info["stages"]
        if "clusters" in done:
            console.print(self._clusters(run))
        if "metrics" in done and run.metrics:
            console.print(_metrics(run))
        for warning in run.info["warnings"]:
            console.print(Text.assemble(("warning: ", "yellow"), warning))
        console.print(Text.assemble("run     ", (str(run.path), "bold")))
        if (page := run.path / "report" / "index.html").exists():
            console.print(Text.assemble("report  ", (str(page), "bold")))

    def _clusters(self, run: Run) -> Table:
        table = Table(title="clusters of each label, the most typical first", title_justify="left", box=None)
        for heading in ("label", "rank", "size", "images", "median typicality"):
            table.add_column(heading, justify="left" if heading == "label" else "right")
        for label in run.labels:
            rows = [row for row in run.clusters.to_pylist() if row["label"] == label]
            for row in rows[: self.config.clusters]:
                first = Text(label if row["rank"] == 0 else "", style="bold")
                numbers = (str(row["rank"]), str(row["size"]), str(row["images"]), f"{row['median_typicality']:+.4f}")
                table.add_row(first, *numbers)
            if len(rows) > self.config.clusters:
                table.add_row("", "", "", "", Text(f"and {len(rows) - self.config.clusters} more", style="dim"))
        return table


def _metrics(run: Run) -> Table:
    table = Table(title="metrics", title_justify="left", box=None)
    for heading in ("metric", "value", "95 % interval", "chance", "of"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for name, metric in run.metrics.items():
        interval = "" if metric["low"] is None else f"{metric['low']:.3f} to {metric['high']:.3f}"
        chance = "" if metric["chance"] is None else f"{metric['chance']:.3f}"
        table.add_row(Text(name), f"{metric['value']:.3f}", interval, chance, str(metric["count"]))
    return table
