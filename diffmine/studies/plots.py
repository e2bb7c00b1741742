"""Plots of a study: each metric over what was varied, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from diffmine.drawing.figures import STYLE
from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Figure
from diffmine.studies.points import short
from diffmine.studies.results import Results, SummaryRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

PANEL = 2.3
"""Width of one metric's panel, inches."""
ACROSS = 3
LINE, HANDLE, CHARACTER = 0.2, 0.55, 0.075
"""Of the legend: height of a line, width of a handle with its gaps, width of a character, inches."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")
"""Okabe and Ito's, told apart by the colour-blind."""
CHANCE = "#888888"


class Curve(NamedTuple):
    """Rows that differ in the swept value alone, and the values."""

    name: str
    at: list[float]
    rows: list[SummaryRow]


def plot_metrics(results: Results, path: Path) -> None:
    """A panel a metric: against the swept value where that is a number, else a dot for each choice."""
    import matplotlib.style
    from matplotlib.figure import Figure as Canvas

    curves = swept(results)
    across = min(ACROSS, len(results.metrics))
    down = -(-len(results.metrics) // across)
    height = 1.7 if curves else 0.6 + 0.17 * len(results.summary)
    with matplotlib.style.context(STYLE):
        handles = legend(results)
        longest = max(len(str(handle.get_label())) for handle in handles)
        columns = max(1, min(len(handles), int(PANEL * across / (HANDLE + CHARACTER * longest))))
        canvas = Canvas(figsize=(PANEL * across, height * down + LINE * -(-len(handles) // columns)))
        places = canvas.subplots(down, across, squeeze=False, sharey=not curves).ravel()
        for axes, metric in zip(places, results.metrics, strict=False):
            axes.set_title(metric.replace("_", " "))
            if curves:
                _draw_curves(axes, curves, metric, _swept_name(results))
            else:
                _draw_dots(axes, results, metric)
        for spare in places[len(results.metrics) :]:
            spare.set_axis_off()
        canvas.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
        canvas.savefig(path)


def legend(results: Results) -> list[Line2D]:
    """What each colour and line of the panels means, of those that are there."""
    from matplotlib.lines import Line2D

    curves = swept(results)
    drawn = [(row, metric, figure) for row in results.summary for metric, figure in row.figures.items()]
    if curves:
        of_curves = dict.fromkeys((number % len(COLOURS), curve.name) for number, curve in enumerate(curves))
        names = [(COLOURS[colour], name or "figure") for colour, name in of_curves]
        handles = [Line2D([], [], color=colour, marker="o", markersize=3, lw=1, label=name) for colour, name in names]
    else:
        best = any(results.mark(row, metric) == "best" for row, metric, _ in drawn)
        names = [(COLOURS[1], "best")] * best + [(COLOURS[0], "other" if best else "figure")]
        handles = [Line2D([], [], color=colour, marker="o", markersize=3.5, lw=0, label=name) for colour, name in names]
    if any(figure.low is not None for *_, figure in drawn):
        handles.append(Line2D([], [], color="#222222", lw=0.8, label="95 % interval"))
    if any(figure.chance is not None for *_, figure in drawn):
        handles.append(Line2D([], [], color=CHANCE, linestyle=":" if curves else "-", lw=0.8, label="chance"))
    return handles


def plot_agreement(comparison: Comparison, path: Path) -> None:
    """A heat map of the adjusted Rand index between the choices."""
    import matplotlib.style
    from matplotlib.figure import Figure as Canvas

    names = [str(choice) for choice in comparison.choices]
    matrix = comparison.matrix()
    side = 1.6 + 0.32 * len(names)
    with matplotlib.style.context(STYLE):
        canvas = Canvas(figsize=(side + 0.6, side))
        axes = canvas.subplots()
        image = axes.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.set_title("adjusted Rand index of shared patches")
        for row, column in np.argwhere(np.isfinite(matrix)):
            shade = "white" if matrix[row, column] > 0.6 else "#222222"
            axes.text(column, row, f"{matrix[row, column]:.2f}", ha="center", va="center", fontsize=6, color=shade)
        canvas.colorbar(image, ax=axes, fraction=0.04, pad=0.03).outline.set_visible(False)
        canvas.savefig(path)


def swept(results: Results) -> list[Curve]:
    """Curves over the first grid key, or over the variants where their names are numbers; none: nothing is swept."""
    curves: dict[str, Curve] = {}
    for row in results.summary:
        value, *others = [*row.choice.settings, row.choice.variant] if results.keys else [row.choice.variant, ""]
        try:
            at = float(value)
        except ValueError:
            return []
        name = " ".join(reversed(others))
        curve = curves.setdefault(name, Curve(name, [], []))
        curve.at.append(at)
        curve.rows.append(row)
    return list(curves.values()) if any(len(curve.at) > 1 for curve in curves.values()) else []


def _swept_name(results: Results) -> str:
    return short(results.keys[0]).replace("_", " ") if results.keys else results.name


def _draw_curves(axes: Axes, curves: Sequence[Curve], metric: str, name: str) -> None:
    values = [at for curve in curves for at in curve.at]
    for number, curve in enumerate(curves):
        measured = [
            (at, row.figures[metric]) for at, row in zip(curve.at, curve.rows, strict=True) if metric in row.figures
        ]
        if measured:
            _draw_line(axes, sorted(measured, key=lambda pair: pair[0]), COLOURS[number % len(COLOURS)], curve.name)
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
        axes.minorticks_off()
    ticks = sorted(set(values))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel(name)


def _draw_line(axes: Axes, measured: Sequence[tuple[float, Figure]], colour: str, name: str) -> None:
    at = [place for place, _ in measured]
    figures = [figure for _, figure in measured]
    axes.plot(at, [figure.value for figure in figures], "o-", color=colour, markersize=3, linewidth=1, label=name)
    for place, figure in measured:
        if figure.low is not None and figure.high is not None:
            axes.plot([place, place], [figure.low, figure.high], color=colour, linewidth=0.7, alpha=0.7)
    chance = [(place, figure.chance) for place, figure in measured if figure.chance is not None]
    if chance:
        axes.plot(*zip(*chance, strict=True), ":", color=CHANCE, linewidth=0.8)


def _draw_dots(axes: Axes, results: Results, metric: str) -> None:
    rows = results.summary
    axes.set_yticks(range(len(rows)), [str(row.choice) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", linewidth=0.3, color="#dddddd")
    for place, row in enumerate(rows):
        if (figure := row.figures.get(metric)) is None:
            continue
        colour = COLOURS[1] if results.mark(row, metric) == "best" else COLOURS[0]
        axes.plot(figure.value, place, "o", color=colour, markersize=3.5)
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=0.9)
        if figure.chance is not None:
            axes.plot([figure.chance] * 2, [place - 0.3, place + 0.3], color=CHANCE, linewidth=0.8)
