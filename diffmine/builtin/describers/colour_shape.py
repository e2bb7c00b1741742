"""Describer ``colour-shape``: plain words from what can be measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diffmine.analysis.colour_terms import TERMS
from diffmine.analysis.own_colours import own_colours
from diffmine.analysis.shapes import REPEATED, lines, repetition
from diffmine.builtin.describers.looks import Looks
from diffmine.drawing.crops import crops
from diffmine.interfaces import ComponentConfig, Describer
from diffmine.runs.contents import Cluster
from diffmine.types import Box, ByteArray, Description, ImageRecord, Word

if TYPE_CHECKING:
    from diffmine.runs.run import Run

SIDE = 32
"""Pixels of a crop as it is looked at."""
ROWS, COLUMNS, CENTRE = ("top", "", "bottom"), ("left", "", "right"), "centre"


class ColourShape(Describer):
    """Words of place, colour, size, lines and repetition, each with the share of the cluster's crops that it fits.

    Measured on the cluster's crops, without any weights: where in their pictures they lie; which colours are their own,
    by what people call colours; how large they are; which way their edges run; whether they repeat. A colour is
    their own where their most typical pixels have it, the rest of their pictures has not, and other pictures have not
    at the same places; its share is that of all colours which are new there. What fits less than half is not said. It
    says what a cluster looks like, not what it is.
    """

    name = "colour-shape"
    version = 2

    class Config(ComponentConfig):
        """Options of ``colour-shape``."""

        crops: int = Field(48, ge=4, description="crops of a cluster that are looked at, those nearest to its centre")
        most: int = Field(5, ge=1, description="words for a cluster, at most")

    config: Config

    def words(self, run: Run) -> Sequence[Description]:
        looks = Looks(run)
        clusters = [one for label in run.contents.labels for one in run.contents.clusters(label)]
        found = [Description(one.label, one.cluster, self._of(run, one, looks), self.name) for one in clusters]
        return [one for one in found if one.words]

    def _of(self, run: Run, cluster: Cluster, looks: Looks) -> tuple[Word, ...]:
        """The words that fit at least half of the crops, the best first."""
        rows = cluster.rows[: self.config.crops]
        boxes, records = run.contents.boxes(rows), [run.records[one] for one in run.contents.image_ids(rows)]
        shown = [*colours(*looks.shares(cluster.label, boxes, records)), *shapes(crops(run.contents, rows, SIDE))]
        words = [*places(boxes, records), *shown, *sizes(boxes, records)]
        fitting = [word for word in words if word.score >= 0.5]
        return tuple(sorted(fitting, key=lambda word: -word.score)[: self.config.most])


def places(boxes: Sequence[Box], records: Sequence[ImageRecord]) -> Iterator[Word]:
    """The ninth of the picture in which at least half of the centres lie, with their share; else the outer third."""
    ninths: Counter[str] = Counter()
    thirds: Counter[str] = Counter()
    for box, record in zip(boxes, records, strict=True):
        row = ROWS[min(2, int(3 * (box.y0 + box.y1) / 2 / record.height))]
        column = COLUMNS[min(2, int(3 * (box.x0 + box.x1) / 2 / record.width))]
        ninths[" ".join(filter(None, (row, column))) or CENTRE] += 1
        thirds.update(filter(None, (row, column)))
    counts = ninths if 2 * max(ninths.values()) >= len(boxes) else thirds or ninths
    text, count = max(counts.items(), key=lambda one: (one[1], one[0]))
    yield Word(text, count / len(boxes))


def colours(shown: NDArray[np.float64], usual: NDArray[np.float64]) -> Iterator[Word]:
    """Colours with the share that they make up of what is new in the crops.

    Args:
        shown, usual: see :func:`diffmine.analysis.own_colours.own_colours`.
    """
    if len(usual):
        yield from (Word(term, float(share)) for term, share in zip(TERMS, own_colours(shown, usual), strict=False))


def sizes(boxes: Sequence[Box], records: Sequence[ImageRecord]) -> Iterator[Word]:
    """``large`` from half of the picture's shorter side on, with its share; other sizes go without saying."""
    sides = [
        max(box.y1 - box.y0, box.x1 - box.x0) / min(record.height, record.width)
        for box, record in zip(boxes, records, strict=True)
    ]
    yield Word("large", float(np.mean(np.array(sides) >= 0.5)))


def shapes(pixels: ByteArray) -> Iterator[Word]:
    """Which way edges run, whether there are any, and whether they repeat, with the share of crops.

    Args:
        pixels: uint8, (crops, side, side, 3).
    """
    grey = pixels.astype(np.float64).mean(axis=-1) / 255
    ways = [lines(one) for one in grey]
    for way in sorted(set(filter(None, ways))):
        yield Word(way, ways.count(way) / len(ways))
    yield Word("repeated", float(np.mean([repetition(one) >= REPEATED for one in grey])))
