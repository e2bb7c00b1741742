"""Figure ``life``: elements along the labels' order, as the paper shows cars and faces by decade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from diffmine.drawing.crops import crops
from diffmine.drawing.panels import CELL, GAP, WHITE, Panel
from diffmine.errors import DataError
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents
from diffmine.runs.life import Element, Life, Step
from diffmine.types import ByteArray

DEPTH = 2
"""Crops of an element under one label, below each other."""
STRIP = 56
"""Height of the shares below them, pixels."""
BAR, RULE, WHISKER, EMPTY = (68, 119, 170), (190, 190, 190), (20, 20, 20), 244


class LifeFigure(Figure):
    """Elements as rows, labels in their order as columns: the most typical crops, and the share of pictures below."""

    name = "life"
    rows = 6
    columns = 10
    across = True

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        return self.panels(contents, [label], rows, columns)[0]

    def panels(self, contents: Contents, labels: Sequence[str], rows: int, columns: int) -> list[Panel]:
        """One panel over the labels that are asked for; where there are more than columns, of some, evenly spread.

        Raises:
            DataError: the run tells no lives.
        """
        life = contents.run.life
        if life is None:
            raise DataError(
                "the run tells no lives of elements; say [dataset] order, add a table [life] to the recipe, and run it "
                "again"
            )
        shown = spread([label for label in life.labels if label in labels], columns)
        elements = life.by_change[:rows]
        parts = [part for one in elements for part in _drawn(contents, one, shown)]
        image = np.concatenate(parts) if parts else np.full((CELL, CELL, 3), WHITE, dtype=np.uint8)
        return [
            Panel(
                shown[0] if len(shown) == 1 else "",
                image,
                [name for one in elements for name in (row_name(one), "share")],
                columns=shown,
                heights=[part.shape[0] for part in parts],
                notes=_notes(life, shown, len(elements)),
                alt=_alt(elements),
            )
        ]


def spread(labels: Sequence[str], most: int) -> list[str]:
    """At most so many labels, evenly spread, with the first and the last."""
    if len(labels) <= most:
        return list(labels)
    return [labels[place] for place in np.rint(np.linspace(0, len(labels) - 1, most)).astype(int).tolist()]


def row_name(one: Element) -> str:
    """What becomes of the element, and how sure that is."""
    if one.course == "cannot tell":
        return f"element {one.number}\ncannot tell" + ("\nat chance" if one.differs else "")
    return f"element {one.number}\n{one.course}\nq = {one.facts['q_value']:.2g}"


def _drawn(contents: Contents, one: Element, labels: Sequence[str]) -> tuple[ByteArray, ByteArray]:
    """The element's crops, and its shares below them."""
    steps = {step.label: step for step in one.steps}
    chosen = [steps[label].rows[:DEPTH].tolist() for label in labels]
    found = iter(crops(contents, [row for rows in chosen for row in rows], CELL))
    cells = np.full((DEPTH * CELL + (DEPTH - 1) * GAP, _across(len(labels)), 3), WHITE, dtype=np.uint8)
    for column, rows in enumerate(chosen):
        for row in range(DEPTH):
            y, x = row * (CELL + GAP), column * (CELL + GAP)
            cells[y : y + CELL, x : x + CELL] = next(found) if row < len(rows) else EMPTY
    return cells, shares_strip([steps[label] for label in labels])


def _across(count: int) -> int:
    return count * (CELL + GAP) - GAP


def shares_strip(steps: Sequence[Step]) -> ByteArray:
    """A bar a label, from 0 to the share of its pictures, with its 95 % interval; the full height is 100 %.

    Returns:
        uint8, (``STRIP`` and margins, width, 3).
    """
    strip = Image.new("RGB", (_across(len(steps)), STRIP + 4 * GAP), (WHITE,) * 3)
    brush, top, bottom = ImageDraw.Draw(strip), GAP, GAP + STRIP

    def height(share: float) -> int:
        return round(bottom - share * (bottom - top))

    for column, step in enumerate(steps):
        x, facts = column * (CELL + GAP), step.facts
        brush.rectangle((x, top, x + CELL - 1, bottom), outline=(232, 232, 232))
        if facts["share"] > 0:
            brush.rectangle((x, height(facts["share"]), x + CELL - 1, bottom), fill=BAR)
        middle, low, high = x + CELL // 2, height(facts["share_low"]), height(facts["share_high"])
        brush.line((middle, low, middle, high), fill=WHISKER, width=3)
        for end in (low, high):
            brush.line((middle - 7, end, middle + 7, end), fill=WHISKER, width=3)
        brush.line((x, bottom, x + CELL - 1, bottom), fill=RULE, width=2)
    return np.asarray(strip)


def _notes(life: Life, shown: Sequence[str], elements: int) -> list[str]:
    left = len(life.elements) - elements
    return [
        "Bars: share of each label's pictures, 100 % at full height.",
        "Lines: 95 % intervals.",
        *([f"{len(shown)} of {len(life.labels)} labels."] if len(shown) < len(life.labels) else []),
        *([f"The {elements} elements that change most, of {len(life.elements)}."] if left > 0 else []),
    ]


def _alt(elements: Sequence[Element]) -> str:
    told = []
    for one in elements:
        shares = ", ".join(f"{step.label}: {step.facts['share']:.0%}" for step in one.steps)
        told.append(f"Element {one.number} ({one.course}), share of pictures: {shares}")
    return "Rows of crops, one for each element, over the labels in order. " + ". ".join(told) + "."
