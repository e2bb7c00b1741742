"""The picture that a chat or a network shows beside a link to the page: the best crops of the best clusters."""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.drawing.crops import crops

FILE = "preview.png"
WIDTH, HEIGHT = 1200, 630
"""What networks ask for: 1.91 to 1."""
ROWS, COLUMNS = 5, 10
GAP = 8
GROUND = (247, 246, 242)
COLOURS = 256


def write_preview(ordering: Ordering, folder: Path) -> bool:
    """Write ``preview.png``: a row a cluster, the best of each label first.

    Returns:
        whether there is anything to show.
    """
    in_turn = [cover for cover in chain.from_iterable(zip_longest(*ordering.covers())) if cover]
    shown = [ordering.groups[number] for number, _ in in_turn[:ROWS]]
    if not shown:
        return False
    rows = [range(group.start, min(group.stop, group.start + COLUMNS)) for group in shown]
    side = min((HEIGHT - (len(rows) + 1) * GAP) // len(rows), (WIDTH - (COLUMNS + 1) * GAP) // COLUMNS)
    patches = np.array([patch for row in rows for patch in row])
    cells = iter(crops(ordering.contents, ordering.rows[patches], side))
    canvas = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    top = (HEIGHT - len(rows) * side - (len(rows) - 1) * GAP) // 2
    left = (WIDTH - COLUMNS * side - (COLUMNS - 1) * GAP) // 2
    for down, row in enumerate(rows):
        for across in range(len(row)):
            place = left + across * (side + GAP), top + down * (side + GAP)
            canvas.paste(Image.fromarray(next(cells)), place)
    canvas.quantize(COLOURS).save(folder / FILE, optimize=True)
    return True
