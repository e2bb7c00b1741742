"""Figure ``strips``: patches against their controls."""

from __future__ import annotations

from diffmine.drawing.crops import crops
from diffmine.drawing.panels import CELL, GAP, Panel, first_of_rows, lines, sheet
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents


class Strips(Figure):
    """The best patches and, as controls, random and least typical ones."""

    name = "strips"
    rows = 1
    columns = 10

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        own = contents.run.selection
        selections = {own: contents.selected(label, own), **contents.controls(label)}
        cells = [crops(contents, found[: rows * columns], CELL) for found in selections.values()]
        image = sheet([line for one in cells for line in lines(one, rows, columns)], columns, GAP)
        return Panel(label, image, first_of_rows(rows, [*selections]))
