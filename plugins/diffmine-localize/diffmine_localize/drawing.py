"""Plots: each picture a dot, and maps over pictures with the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from diffmine.drawing.figures import COLUMN, STYLE, compose
from diffmine.drawing.panels import GAP, Panel, scale_of, sheet
from diffmine.drawing.whole_pictures import heat, outlined
from diffmine.numerics.seeding import derive_seed, numpy_generator
from diffmine.types import BoolArray, ByteArray
from diffmine_localize.comparison import MEASURES, Pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffmine.runs.run import Run

WHEN = ("before", "after")
COLOURS = ("#9a9a9a", "#c1432b")
PLOTTED = ("paper_auc_pr", "average_precision")
SIDE = 160
"""Longer side of an overlay, pixels."""


def strip_plot(pairs: Pairs, path: Path) -> None:
    """Each picture a dot, before and after beside each other, for each finding; a line at the mean."""
    import matplotlib.style
    from matplotlib.figure import Figure

    findings = list(dict.fromkeys(after.finding for _, after in pairs))
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(2 * COLUMN, 2.4))
        for axes, name in zip(figure.subplots(1, len(PLOTTED)), PLOTTED, strict=True):
            _strips(axes, pairs, findings, name)
        handles = [
            axes.scatter([], [], s=6, color=colour, label=when) for when, colour in zip(WHEN, COLOURS, strict=True)
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)
        figure.savefig(path)


def _strips(axes: Axes, pairs: Pairs, findings: Sequence[str], name: str) -> None:
    for place, finding in enumerate(findings):
        rows = np.array([[getattr(one, name) for one in pair] for pair in pairs if pair[1].finding == finding])
        for number, (values, colour) in enumerate(zip(rows.T, COLOURS, strict=True)):
            middle = place + (number - 0.5) * 0.4
            scattered = middle + numpy_generator("strip", finding, number).uniform(-0.12, 0.12, len(values))
            axes.scatter(scattered, values, s=6, color=colour, alpha=0.6, linewidths=0)
            axes.hlines(values.mean(), middle - 0.16, middle + 0.16, color="#111111", linewidth=1)
    axes.set_xticks(range(len(findings)), findings, rotation=20 if len(findings) > 4 else 0, parse_math=False)
    axes.set_title(next(measure.title for measure in MEASURES if measure.name == name))
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def overlays(before: Run, after: Run, pairs: Pairs, columns: int, path: Path) -> None:
    """Some pictures of each finding with their boxes, and the heat maps of both runs on one scale.

    Which pictures: drawn by their ids, whatever their figures.
    """
    shown = {finding: drawn(pairs, finding, columns) for finding in dict.fromkeys(one.finding for _, one in pairs)}
    across = max(map(len, shown.values()))
    panels = [_panel(before, after, image_ids, finding, across) for finding, image_ids in shown.items()]
    compose(panels, after.quantity).save(path)


def drawn(pairs: Pairs, finding: str, count: int) -> list[str]:
    """The pictures of a finding that are shown."""
    carriers = [after.image_id for _, after in pairs if after.finding == finding]
    return sorted(carriers, key=lambda image_id: derive_seed("overlay", image_id))[:count]


def _panel(before: Run, after: Run, image_ids: Sequence[str], finding: str, columns: int) -> Panel:
    """Three rows: pictures, maps before, maps after."""
    maps = [[run.typicality_image(one, finding) for one in image_ids] for run in (before, after)]
    scale = scale_of([values for part in maps for values in part])
    boxes = [_boxes(after, one, finding) for one in image_ids]
    rows = [[after.picture(one) for one in image_ids], *([heat(values, scale) for values in part] for part in maps)]
    cells = [[_boxed(pixels, mask) for pixels, mask in zip(row, boxes, strict=True)] for row in rows]
    return Panel(finding, sheet(cells, columns, GAP), ("picture", *WHEN), scale)


def _boxes(run: Run, image_id: str, finding: str) -> BoolArray:
    drawn_boxes = run.boxes(image_id).get(finding)
    return run.masks(image_id)[finding] if drawn_boxes is None else drawn_boxes


def _boxed(pixels: ByteArray, mask: BoolArray) -> ByteArray:
    """A square cell with the outline of the mask on it, white with a dark edge."""
    size = tuple(max(1, round(side * SIDE / max(mask.shape))) for side in mask.shape[::-1])
    cell = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BICUBIC))
    large = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    cell = outlined(cell, large, 2)
    square = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    square[: cell.shape[0], : cell.shape[1]] = cell
    return square
