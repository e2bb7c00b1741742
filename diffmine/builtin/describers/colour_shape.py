"""Describer ``colour-shape``: plain words from what can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from diffmine.analysis.colour_terms import term_shares
from diffmine.analysis.shapes import REPEATED, lines, repetition
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

    Measured on the cluster's crops, without any weights: where in their pictures they lie; what colours more of them
    have than random patches do, by what people call colours; how large they are; which way their edges run; whether
    they repeat. What fits less than half of the crops is not said. It says what a cluster looks like, not what it is.
    """

    name = "colour-shape"

    class Config(ComponentConfig):
        """Options of ``colour-shape``."""

        crops: int = Field(24, ge=4, description="crops of a cluster that are looked at, those nearest to its centre")
        most: int = Field(5, ge=1, description="words for a cluster, at most")

    config: Config

    def words(self, run: Run) -> Sequence[Description]:
        usual = self._usual_colours(run)
        clusters = [one for label in run.contents.labels for one in run.contents.clusters(label)]
        found = [Description(one.label, one.cluster, self._of(run, one, usual), self.name) for one in clusters]
        return [one for one in found if one.words]

    def _of(self, run: Run, cluster: Cluster, usual: Mapping[str, float]) -> tuple[Word, ...]:
        """The words that fit at least half of the crops, the best first."""
        rows = cluster.rows[: self.config.crops]
        boxes, records = run.contents.boxes(rows), [run.records[one] for one in run.contents.image_ids(rows)]
        pixels = crops(run.contents, rows, SIDE)
        words = [*places(boxes, records), *colours(pixels, usual), *sizes(boxes, records), *shapes(pixels)]
        fitting = [word for word in words if word.score >= 0.5]
        return tuple(sorted(fitting, key=lambda word: -word.score)[: self.config.most])

    def _usual_colours(self, run: Run) -> dict[str, float]:
        """term -> the mean share of it in random patches, or in all where there are none."""
        contents = run.contents
        chosen = "random" if "random" in contents.selections else run.selection
        rows = [contents.selected(label, chosen)[: self.config.crops] for label in contents.labels]
        return term_shares(crops(contents, np.concatenate(rows), SIDE)) if rows else {}


def places(boxes: Sequence[Box], records: Sequence[ImageRecord]) -> Iterator[Word]:
    """The ninth of the picture in which most centres lie, with their share."""
    counts: dict[str, int] = {}
    for box, record in zip(boxes, records, strict=True):
        row = min(2, int(3 * (box.y0 + box.y1) / 2 / record.height))
        column = min(2, int(3 * (box.x0 + box.x1) / 2 / record.width))
        text = " ".join(filter(None, (ROWS[row], COLUMNS[column]))) or CENTRE
        counts[text] = counts.get(text, 0) + 1
    text, count = max(counts.items(), key=lambda one: (one[1], one[0]))
    yield Word(text, count / len(boxes))


def colours(pixels: ByteArray, usual: Mapping[str, float]) -> Iterator[Word]:
    """Colours with the share of the crops that have more of them than random patches have, and a tenth at least.

    Args:
        pixels: uint8, (crops, side, side, 3).
        usual: term -> share of random patches.
    """
    shares = [term_shares(one) for one in pixels]
    for term in sorted({term for one in shares for term in one}):
        needed = max(0.1, 1.5 * usual.get(term, 0.0))
        yield Word(term, float(np.mean([one.get(term, 0.0) >= needed for one in shares])))


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
