"""Figure ``grid``: the paper's."""

from __future__ import annotations

from textwrap import shorten, wrap

import numpy as np

from diffmine.drawing.crops import crops
from diffmine.drawing.panels import CELL, GAP, Panel, sheet
from diffmine.interfaces import Figure
from diffmine.runs.contents import Cluster, Contents

LINES = 3
"""A row's name is no higher than this."""


class Grid(Figure):
    """The best clusters as rows, the most central members first, named by median typicality, flags and words."""

    name = "grid"
    rows = 6
    columns = 7

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        best = contents.best_clusters(label)[:rows]
        shown = [one.rows[:columns].tolist() for one in best]
        cells = crops(contents, [row for line in shown for row in line], CELL)
        split = np.split(cells, np.cumsum([len(line) for line in shown])[:-1])
        return Panel(label, sheet(split, columns, GAP), [row_name(one) for one in best])


def row_name(one: Cluster) -> str:
    """A cluster's median; below it its flags in at most two lines; where there is room, its name or a suggestion."""
    width, most = (10, 2) if len(one.marks) == 1 else (20, 1)
    flags = [line for mark in one.marks[:2] for line in wrap(mark, width, max_lines=most, placeholder="…")]
    words = [f"{shorten(said.words[0].text, 12, placeholder='…')}?" for said in one.descriptions[:1] if said.words]
    words = wrap(one.name, 14, max_lines=2, placeholder="…") if one.name else words
    return "\n".join([three_digits(one.facts["median_typicality"]), *flags, *words][:LINES])


def three_digits(value: float) -> str:
    """Three significant digits, trailing zeros too: what stands below each other compares."""
    return f"{value:#.3g}".rstrip(".")
