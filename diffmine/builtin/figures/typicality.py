"""Figure ``typicality``: where whole pictures are typical."""

from __future__ import annotations

from diffmine.drawing.panels import Panel, fade, first_of_rows, scale_of
from diffmine.drawing.whole_pictures import boxed, heat, most_typical, stacked
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents


class Typicality(Figure):
    """The most typical pictures: as they are, white where not typical, and as a heat map."""

    name = "typicality"
    rows = 1
    columns = 6

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        run, image_ids = contents.run, most_typical(contents, label, rows * columns)
        pictures = [run.picture(one) for one in image_ids]
        maps = [run.typicality_image(one, label) for one in image_ids]
        scale = scale_of(maps)
        blocks = (
            [boxed(run, one, label) for one in image_ids],
            [fade(one, values, scale) for one, values in zip(pictures, maps, strict=True)],
            [heat(values, scale) for values in maps],
        )
        names = first_of_rows(rows, ("picture", "typical", "heat"))
        return Panel(label, stacked(blocks, rows, columns), names, scale)
