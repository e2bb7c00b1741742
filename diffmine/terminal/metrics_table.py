"""The metrics of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from diffmine.terminal.rich_tables import new_table


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row a metric: value, interval, chance, number of cases."""
    table = new_table("metric", "value", "95 % interval", "chance", "cases", left=["metric"])
    for metric, figure in metrics.items():
        bounds = "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
        chance = "" if figure["chance"] is None else f"{figure['chance']:.3f}"
        table.add_row(metric.replace("_", " "), f"{figure['value']:.3f}", bounds, chance, f"{figure['count']:,}")
    return table
