"""Figure ``paper``: what a paper says of a label, in one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from diffmine.builtin.figures.grid import Grid, three_digits
from diffmine.builtin.figures.typicality import Typicality
from diffmine.drawing.panels import WHITE, Panel
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents
from diffmine.types import ByteArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

METRICS = 5
BETWEEN = 24
"""White pixels between the clusters and the maps."""


class Paper(Figure):
    """The best clusters as rows, below them the most typical pictures with their maps, and the label's metrics."""

    name = "paper"
    rows = 4
    columns = 7

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        clusters = Grid(Grid.Config()).panel(contents, label, rows, columns)
        maps = Typicality(Typicality.Config()).panel(contents, label, 1, max(1, columns // 2))
        above, below = list(clusters.names) or ["no clusters"], _as_wide(maps.image, clusters.image.shape[1])
        gap = np.full((BETWEEN, below.shape[1], 3), WHITE, dtype=np.uint8)
        heights = [clusters.image.shape[0] / len(above), below.shape[0] / len(maps.names)]
        metrics = metric_lines(contents.run, label)
        return Panel(
            label,
            np.concatenate([clusters.image, gap, below]),
            [*above, "", *maps.names],
            maps.scale,
            heights=[*[heights[0]] * len(above), BETWEEN, *[heights[1]] * len(maps.names)],
            notes=metrics,
            alt=_alt(contents, label, rows, metrics),
        )


def metric_lines(run: Run, label: str) -> list[str]:
    """What the run's metrics are for a label; for all labels where they are not told by label."""
    lines = []
    for name, figure in list(run.metrics.items())[:METRICS]:
        own = (figure.get("per_label") or {}).get(label)
        chance = "" if figure["chance"] is None else f"chance {figure['chance']:.2f}"
        bounds = "" if figure["low"] is None else f", {figure['low']:.2f} to {figure['high']:.2f}"
        overall = f"all labels {figure['value']:.2f}{bounds}"
        told = [overall if own is None else f"{own:.2f}", *([] if own is None else [overall]), chance]
        lines.append(f"{name.replace('_', ' ')}: {'; '.join(one for one in told if one)}")
    return lines


def _as_wide(image: ByteArray, width: int) -> ByteArray:
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def _alt(contents: Contents, label: str, rows: int, metrics: list[str]) -> str:
    shown = contents.best_clusters(label)[:rows]
    medians = [three_digits(one.facts["median_typicality"]) for one in shown]
    words = [one.name or one.suggestions[0] for one in shown if one.name or one.suggestions]
    parts = [
        f"{label}: rows of crops, one for each of its {len(shown)} most typical clusters, of median typicality "
        f"{', '.join(medians)}"
        if shown
        else f"{label}: no cluster",
        f"In words: {'; '.join(words)}" if words else "",
        "Below, the most typical pictures: as they are, white where they are not typical, and as heat maps from blue "
        "(less typical) to red (more)",
        *metrics,
    ]
    return ". ".join(part for part in parts if part) + "."
