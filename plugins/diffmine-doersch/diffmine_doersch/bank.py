"""All windows of the training pictures, and the search among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.interfaces import Progress, TrainingSet
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, FloatArray, IntArray, Picture
from diffmine_doersch.options import DetectorConfig
from diffmine_doersch.windows import levels

OVERLAP = 0.3
"""Intersection over union above which two windows show the same."""


@dataclass(frozen=True, slots=True)
class Bank:
    """Windows of pictures, those of a picture one after the other.

    Attributes:
        described: float32, (windows, dims).
        boxes: float32, (windows, 4): top, left, bottom, right.
        rich: bool, (windows,): not among the flattest of its picture.
        starts: int64, (pictures + 1,): where the windows of each picture begin.
        digests: of the pictures' content.
        carried: bool, (labels, pictures): which picture carries which label.
        split: int64, (pictures,): the third, 0 to 2, that a picture belongs to.
    """

    described: FloatArray
    boxes: FloatArray
    rich: BoolArray
    starts: NDArray[np.int64]
    digests: Sequence[str]
    carried: BoolArray
    split: NDArray[np.int64]

    def best(self, templates: FloatArray, pictures: NDArray[np.int64]) -> Firings:
        """Where each template, (templates, dims), fits best in each picture: one product of matrices a picture."""
        scores = np.empty((len(templates), len(pictures)), dtype=np.float32)
        rows = np.empty(scores.shape, dtype=np.int64)
        every = np.arange(len(templates))
        for place, picture in enumerate(pictures):
            start, stop = self.starts[picture], self.starts[picture + 1]
            products = templates @ self.described[start:stop].T
            at = products.argmax(axis=1)
            scores[:, place], rows[:, place] = products[every, at], start + at
        return Firings(scores, rows, pictures)

    def overlapping(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> BoolArray:
        """Whether windows, of one picture each pair, show the same; shapes broadcast."""
        return overlaps(self.boxes[rows], self.boxes[others])


@dataclass(frozen=True, slots=True)
class Firings:
    """The best window of each picture for each template.

    Attributes:
        scores: float32, (templates, pictures).
        rows: int64, (templates, pictures): the windows, in the bank.
        pictures: int64, (pictures,), in the bank.
    """

    scores: FloatArray
    rows: NDArray[np.int64]
    pictures: NDArray[np.int64]

    def top(self, count: int) -> NDArray[np.int64]:
        """Columns of each template's best pictures, (templates, at most count), the best first."""
        return np.argsort(-self.scores, axis=1, kind="stable")[:, :count]


def overlaps(boxes: FloatArray, others: FloatArray) -> BoolArray:
    """Whether the intersection over union of boxes, (..., 4), is above ``OVERLAP``."""
    tops, bottoms = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.clip(bottoms - tops, 0, None).prod(axis=-1)
    areas = [(one[..., 2:] - one[..., :2]).prod(axis=-1) for one in (boxes, others)]
    above: BoolArray = shared > OVERLAP * (areas[0] + areas[1] - shared)
    return above


def collect(config: DetectorConfig, data: TrainingSet, labels: Sequence[str], seed: int, progress: Progress) -> Bank:
    """Describe the windows of the training pictures; each label's pictures are dealt out among three splits."""
    progress.start(len(data.train), "pictures")
    described, boxes, rich = [], [], []
    for record in data.train:
        of_picture = _windows(config, data.picture(record), seed)
        for found, all_found in zip(of_picture, (described, boxes, rich), strict=True):
            all_found.append(found)
        progress.advance()
    return Bank(
        described=np.concatenate(described),
        boxes=np.concatenate(boxes),
        rich=np.concatenate(rich),
        starts=np.concatenate([[0], np.cumsum([len(one) for one in boxes])]),
        digests=[record.digest for record in data.train],
        carried=np.array([[label in record.labels for record in data.train] for label in labels]),
        split=_dealt([record.digest for record in data.train], [record.labels for record in data.train]),
    )


def _windows(config: DetectorConfig, picture: Picture, seed: int) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Descriptions, boxes and richness of windows of one picture; where none lies inside, those of the first level."""
    found = list(levels(config, picture.pixels))
    kept = [level.inside for level in found]
    if not any(inside.any() for inside in kept):
        kept[0] = np.ones_like(kept[0])
    described, boxes, energy = (
        np.concatenate([getattr(level, name)[inside] for level, inside in zip(found, kept, strict=True)])
        for name in ("described", "boxes", "energy")
    )
    rich = energy >= np.quantile(energy, config.flattest)
    drawn = numpy_generator(seed, "windows", picture.record.digest).permutation(len(boxes))[: config.windows]
    chosen: IntArray = np.sort(drawn)
    return described[chosen], boxes[chosen], rich[chosen]


def _dealt(digests: Sequence[str], labels: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """Deal each label's pictures out among the splits, in the order of their content."""
    split = np.full(len(digests), -1)
    for label in sorted({label for carried in labels for label in carried}):
        mine = sorted((one for one in range(len(digests)) if label in labels[one]), key=lambda one: digests[one])
        for place, picture in enumerate(mine):
            if split[picture] < 0:
                split[picture] = place % 3
    return split
