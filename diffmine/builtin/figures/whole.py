"""Figure ``whole``: which whole pictures are typical."""

from __future__ import annotations

from diffmine.drawing.panels import Panel, first_of_rows
from diffmine.drawing.whole_pictures import stacked
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents


class Whole(Figure):
    """The pictures of highest and of lowest mean typicality over the whole picture, from the ends of the ranking in."""

    name = "whole"
    rows = 1
    columns = 6

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        run, ranked = contents.run, [image_id for image_id, _ in contents.run.images_by_typicality(label)]
        count = rows * columns
        blocks = [[run.picture(one) for one in part[:count]] for part in (ranked, ranked[::-1])]
        return Panel(label, stacked(blocks, rows, columns), first_of_rows(rows, ("most", "least")))
