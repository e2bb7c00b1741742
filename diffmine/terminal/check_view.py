"""What ``diffmine check`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from diffmine.progress.durations import human_time
from diffmine.terminal.console import human_size

if TYPE_CHECKING:
    from diffmine.engine.estimate import Cost
    from diffmine.recipes.resolving import Resolved


def print_check(console: Console, resolved: Resolved, cost: Cost) -> None:
    """The resolved recipe, and what it will cost."""
    console.print(Syntax(resolved.to_toml().rstrip(), "toml", background_color="default", word_wrap=True))
    table = Table(title="what it will cost", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    labels = len(cost.images)
    table.add_row("images", f"{sum(cost.images.values()):,} of {labels} labels, {cost.width} x {cost.height} px")
    table.add_row("training", f"{cost.training_passes:,} pictures forwards and backwards")
    table.add_row("scoring", f"{cost.scoring_passes:,} forwards")
    table.add_row("features", f"{cost.feature_passes:,} forwards")
    table.add_row("disk", f"{human_size(cost.disk_bytes)} of typicality maps, beside the model")
    table.add_row("time", f"about {human_time(cost.seconds)} on this machine's {cost.device}, within a factor of two")
    console.print(table)
