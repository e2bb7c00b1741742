"""Figures ``across-labels`` and ``translations``."""

from __future__ import annotations

from itertools import chain, islice, zip_longest
from typing import Any

import numpy as np

from diffmine.drawing.crops import cut
from diffmine.drawing.panels import CELL, GAP, Panel, sheet
from diffmine.drawing.whole_pictures import stacked
from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents
from diffmine_translate.reading import Translations, box_of

NOTHING = "no translations"


class AcrossLabels(Figure):
    """Places of a label's pictures as rows, one crop a label; of each cluster the most central places first."""

    name = "across-labels"
    rows = 6
    columns = 7

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        found = Translations.of(contents.run)
        if found is None:
            return _empty(label)
        members = [found.members(one["cluster"], label) for one in found.clusters]
        in_turn: list[dict[str, Any]] = [one for one in chain(*zip_longest(*members)) if one is not None]
        shown = sorted(islice(in_turn, rows), key=lambda one: int(one["cluster"]))
        if not shown:
            return _empty(label)
        cells = [
            [cut(one, box_of(place), CELL) for one in found.versions(place["image_id"], place["source"])]
            for place in shown
        ]
        names = [f"element {place['cluster'] + 1}" for place in shown]
        shown_labels = found.labels[:columns]
        return Panel(label, sheet(cells, len(shown_labels), GAP), names, columns=shown_labels)


class Translated(Figure):
    """Pictures of a label as rows, each as it is under its own label and translated to every other."""

    name = "translations"
    rows = 4
    columns = 7

    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        found = Translations.of(contents.run)
        shown = [key for key in found.pictures if key[1] == label][:rows] if found else []
        if found is None or not shown:
            return _empty(label)
        labels = found.labels[:columns]
        pictures = [one for key in shown for one in found.versions(*key)[: len(labels)]]
        return Panel(label, stacked([pictures], len(shown), len(labels)), [""] * len(shown), columns=labels)


def _empty(label: str) -> Panel:
    """A run that has nothing of a label says so."""
    return Panel(label, sheet([[np.full((CELL, CELL, 3), 255, np.uint8)]], 1, GAP), [NOTHING])
