"""Figure ``influence``: where the label matters, beside where it fits."""

from __future__ import annotations

from diffmine.drawing.panels import Panel, first_of_rows, scale_of
from diffmine.drawing.whole_pictures import boxed, heat, most_typical, stacked
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents


class Influence(Figure):
    """The most typical pictures: their typicality, and how far the label moves what the model predicts of them."""

    name = "influence"
    rows = 1
    columns = 6

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        run, image_ids = contents.run, most_typical(contents, label, rows * columns)
        typicality = [run.typicality_image(one, label) for one in image_ids]
        influence = [run.influence_image(one, label) for one in image_ids]
        scale = scale_of([*typicality, *influence])
        heats = ([heat(values, scale) for values in maps] for maps in (typicality, influence))
        names = first_of_rows(rows, ("picture", "typicality", "influence"))
        blocks = ([boxed(run, one, label) for one in image_ids], *heats)
        return Panel(label, stacked(blocks, rows, columns), names, scale)
