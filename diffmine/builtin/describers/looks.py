"""What crops show that the rest of their pictures does not, by the names of colours; and the same places of others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diffmine.analysis.colour_terms import TERMS, colour_indices, terms_of_colours
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, Box, FloatArray, ImageRecord, IntArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

Kind = TypeVar("Kind", bound=np.generic)
SIDE = 128
"""Pixels of the longer side of a picture as it is looked at; smaller ones stay as they are."""
OTHERS = 48
"""Pictures that do not carry the label, and are looked at at the same places."""
KEPT = 256
"""Pictures whose colours are kept at hand, 64 kB each at most."""
MOST_TYPICAL = 0.5
"""Share of a crop, its most typical pixels, that is looked at."""
REST = 0.3
"""Share of a picture, its least typical pixels, that a crop is held against."""
RARE = 0.01
"""Share of those pixels up to which a colour does not belong to the rest of the picture."""


class Looks:
    """Colours of a run's pictures."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._colours = lru_cache(KEPT)(self._read)
        self._others = lru_cache(None)(self._choose)

    def shares(
        self, label: str, boxes: Sequence[Box], records: Sequence[ImageRecord]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How much of crops' most typical pixels has each colour and is unlike the rest of its picture.

        Returns:
            float64, (crops, terms + 1), and the same of other pictures, looked at at the same places,
            (others, terms + 1); last the share of what is like the rest.
        """
        shown, usual = [], []
        for box, record in zip(boxes, records, strict=True):
            colours = self._colours(record.image_id)
            typicality = _resized(self._run.placing_image(record.image_id, label), colours.shape)
            inside, rest = _parts(typicality, box, record)
            shown.append(_own_terms(colours[None], inside, rest)[0])
            usual.append(_own_terms(self._others(label, colours.shape), inside, rest))
        return np.stack(shown), np.mean(usual, axis=0)

    def _choose(self, label: str, shape: tuple[int, ...]) -> IntArray:
        """Colours of some pictures that do not carry the label, always the same, (pictures, *shape)."""
        without = sorted(one.image_id for one in self._run.records.values() if label not in one.labels)
        order = numpy_generator("other pictures", label).permutation(len(without))[:OTHERS]
        found = [_resized(self._colours(without[place]), shape) for place in order]
        return np.stack(found) if found else np.zeros((0, *shape), dtype=np.int32)

    def _read(self, image_id: str) -> IntArray:
        pixels = self._run.picture(image_id)
        if max(pixels.shape[:2]) > SIDE:
            picture = Image.fromarray(pixels)
            picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
            pixels = np.asarray(picture)
        return colour_indices(pixels)


def _parts(typicality: FloatArray, box: Box, record: ImageRecord) -> tuple[BoolArray, BoolArray]:
    """The most typical pixels of a crop, and the least typical ones of its picture."""
    (y0, x0, y1, x1), (height, width) = box, typicality.shape
    crop = np.zeros(typicality.shape, dtype=bool)
    rows = slice(y0 * height // record.height, -(-y1 * height // record.height))
    columns = slice(x0 * width // record.width, -(-x1 * width // record.width))
    crop[rows, columns] = True
    inside = crop & (typicality >= np.quantile(typicality[crop], 1 - MOST_TYPICAL))
    return inside, ~crop & (typicality <= np.quantile(typicality, REST))


def _own_terms(colours: IntArray, inside: BoolArray, rest: BoolArray) -> NDArray[np.float64]:
    """(pictures, terms + 1): shares of the pixels inside, of pictures (pictures, height, width)."""
    named = terms_of_colours()
    there = _counts(colours[:, rest], len(named)) / max(1, rest.sum())
    found = colours[:, inside]
    is_rare = np.take_along_axis(there, found, axis=1) <= RARE
    terms = np.where(is_rare, named[found], len(TERMS))
    shares: NDArray[np.float64] = _counts(terms, len(TERMS) + 1) / max(1, inside.sum())
    return shares


def _counts(values: IntArray, kinds: int) -> NDArray[np.float64]:
    """How often each value occurs in each row, (rows, kinds)."""
    offset = np.arange(len(values))[:, None] * kinds
    counts: NDArray[np.float64] = np.bincount((values + offset).ravel(), minlength=len(values) * kinds).astype(float)
    return counts.reshape(len(values), kinds)


def _resized(values: NDArray[Kind], shape: tuple[int, ...]) -> NDArray[Kind]:
    """By the nearest value."""
    rows, columns = (np.arange(side) * full // side for side, full in zip(shape, values.shape, strict=True))
    return values[np.ix_(rows, columns)]
