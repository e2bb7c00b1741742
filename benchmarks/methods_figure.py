"""The figure of methods in docs/how-to/rivals.md, from finished studies of methods::

    python benchmarks/methods_figure.py docs/images/methods.png "drawn faces=studies/methods" \\
        "drawn scenes=studies/methods-scenes"
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffmine.drawing.figures import STYLE

PANELS: Mapping[str, tuple[str, float, str | None]] = {
    "pixel_average_precision": ("average precision of pixels", 0.0, None),
    "patch_precision": ("best patch shows the element", 0.0, "patch_precision_random"),
    "label_auc": ("own label told from a wrong one (AUC)", 0.4, "label_auc_chance"),
}
"""Metric -> title, where its axis begins, and the column with what chance gives."""
DIFFUSION, OTHER, CONTROL = "#3b5bdb", "#212529", "#868e96"
CONTROLS = ("few-shot-masks",)
OF_DIFFUSION = ("typicality", "mix")
PANEL_WIDTH, ROW_HEIGHT, MARGIN = 3.0, 0.28, 0.6
"""Inches."""


def draw(axes: Axes, rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    """A dot with its interval for each method, the first above."""
    _, start, chance = PANELS[metric]
    for place, row in enumerate(rows):
        name = row["variant"]
        colour = CONTROL if name in CONTROLS else DIFFUSION if name in OF_DIFFUSION else OTHER
        axes.plot([row[f"{metric}_low"], row[f"{metric}_high"]], [place, place], color=colour, linewidth=2.5)
        face = "white" if name in CONTROLS else colour
        axes.plot(row[metric], place, "o", color=colour, markerfacecolor=face, markersize=6)
    if chance is not None:
        axes.axvline(rows[0][chance], color="#adb5bd", linestyle="--", linewidth=1, zorder=0)
    axes.set_xlim(start, 1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row["variant"] for row in rows])


def main() -> None:
    """Draw a row of panels for each study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("studies", nargs="+", metavar="TITLE=FOLDER")
    told = parser.parse_args()
    studies = {
        title: pq.read_table(Path(folder) / "results.parquet").to_pylist()
        for title, folder in (one.split("=", 1) for one in told.studies)
    }
    height = sum(len(rows) * ROW_HEIGHT + MARGIN for rows in studies.values())
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(PANEL_WIDTH * len(PANELS), height), layout="constrained")
        places = figure.subplots(len(studies), len(PANELS), sharey="row", squeeze=False)
        for line, (title, rows) in zip(places, studies.items(), strict=True):
            line[0].set_ylabel(title)
            for axes, metric in zip(line, PANELS, strict=True):
                draw(axes, rows, metric)
        for axes, (title, _, _) in zip(places[0], PANELS.values(), strict=True):
            axes.set_title(title)
        figure.savefig(told.out, dpi=150)


if __name__ == "__main__":
    main()
