"""Does a box drawn around what stands out in the map fit the box around the element?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.annotated import OF_MAPS, Annotated, Measured, SplitConfig, mean_over_images, of_maps
from diffmine.analysis.score_maps import normalized
from diffmine.interfaces import Metric
from diffmine.types import BoolArray, FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

THRESHOLDS = 255
"""Scores are compared as whole numbers up to 255, as in the paper's code; the highest has nothing above it."""
OVERLAP = 0.5
OVERLAPS = (0.3, 0.5, 0.7)
TOUCHING = np.ones((3, 3))
Scores = NDArray[np.float64]
Corners = NDArray[np.int64]


class Overlaps(NamedTuple):
    """Intersection over union of estimated and true boxes at each threshold, each (thresholds,).

    ``largest``: of the box around the largest part above the threshold; ``best``: of the best box around any;
    ``blind_largest``, ``blind_best``: the same of a Gaussian at the image's centre.
    """

    image_id: str
    label: str
    largest: Scores
    best: Scores
    blind_largest: Scores
    blind_best: Scores


class MaxBoxAcc(Metric):
    """Share of images whose estimated box fits the element's box, at the best threshold: MaxBoxAcc of Choe et al.

    Choe et al., *Evaluating Weakly Supervised Object Localization Methods Right* (CVPR 2020): each map, upsampled to
    the image, is scaled to [0, 1]; at a threshold, the estimate is the tightest box around the largest connected part
    (8-neighbourhood) above it. ``max_box_acc``: the share of held-out images that have the element in which it reaches
    an intersection over union of 0.5 with a true box, at the threshold that is best for all images.
    ``max_box_acc_v2``, of the same authors' longer article (arXiv 2007.04178): boxes around any connected part count,
    and the figure is the mean over intersections over union of 0.3, 0.5 and 0.7.

    True boxes are those that the dataset has, where overlapping ones count as what they cover together; or else the
    tightest one around the mask. Chance is the paper's baseline, a Gaussian at the centre of the image, at its own best
    threshold. The interval takes the threshold as given. In [0, 1]. Where the recipe places patches by another map than
    typicality, ``max_box_acc_typicality`` and ``max_box_acc_typicality_v2`` are the same of typicality.
    """

    name = "max_box_acc"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        def measure(one: Annotated, values: FloatArray) -> Overlaps:
            drawn = run.boxes(one.record.image_id).get(one.label)
            truths = [_tightest(one.mask)] if drawn is None else _parts(drawn)
            found = overlaps(estimated_boxes(values), truths)
            blind = overlaps(_boxes_of_a_gaussian(*values.shape), truths)
            return Overlaps(one.record.image_id, one.label, *found, *blind)

        return of_maps(self.name, run, measure, self.config.split, _figures)


def estimated_boxes(values: FloatArray) -> list[Corners]:
    """At each threshold, the boxes around the connected parts of the map above it, the largest part first.

    Returns:
        for each threshold int64, (parts, 4): y0, x0, y1, x1, half-open.
    """
    from scipy.ndimage import find_objects, label

    levels = (normalized(values) * 255).astype(np.uint8)
    found: list[Corners] = []
    for threshold in range(THRESHOLDS):
        if found and not (levels == threshold).any():
            found.append(found[-1])
            continue
        parts, count = label(levels > threshold, structure=TOUCHING)
        order = np.argsort(-np.bincount(parts.ravel(), minlength=count + 1)[1:], kind="stable")
        corners = [(y.start, x.start, y.stop, x.stop) for y, x in find_objects(parts)]
        found.append(np.array(corners, dtype=np.int64).reshape(-1, 4)[order])
    return found


def overlaps(boxes: Sequence[Corners], truths: Sequence[BoolArray]) -> tuple[Scores, Scores]:
    """Intersection over union with the true box that fits best: of each threshold's first box, and of its best one.

    Args:
        boxes: of :func:`estimated_boxes`.
        truths: bool, (height, width), each True in a true box.
    """
    tables = [np.pad(truth.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))) for truth in truths]
    fits = [np.max([_overlap(found, table) for table in tables], axis=0) for found in boxes]
    return np.array([one[0] if len(one) else 0.0 for one in fits]), np.array([one.max(initial=0.0) for one in fits])


def _overlap(boxes: Corners, table: NDArray[np.int64]) -> Scores:
    """With a true box, as the summed-area table of its pixels."""
    y0, x0, y1, x1 = boxes.T
    common = table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0]
    overlap: Scores = common / ((y1 - y0) * (x1 - x0) + table[-1, -1] - common)
    return overlap


def _tightest(mask: BoolArray) -> BoolArray:
    """The mask, filled to its bounding box."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def _parts(boxes: BoolArray) -> list[BoolArray]:
    from scipy.ndimage import label

    parts, count = label(boxes)
    return [parts == part for part in range(1, count + 1)]


@lru_cache(maxsize=64)
def _boxes_of_a_gaussian(height: int, width: int) -> list[Corners]:
    y, x = (((np.arange(side) + 0.5) / side - 0.5) ** 2 for side in (height, width))
    return estimated_boxes(np.exp(-8 * (y[:, None] + x)).astype(np.float32))


def _figures(name: str, measured: Sequence[Overlaps]) -> dict[str, MetricValue]:
    if not measured:
        return {}
    largest, best, blind_largest, blind_best = (np.stack(column) for column in list(zip(*measured, strict=True))[2:])
    fitting = _at_the_best_threshold(largest, (OVERLAP,)), _at_the_best_threshold(blind_largest, (OVERLAP,))
    fitting_any = _at_the_best_threshold(best, OVERLAPS), _at_the_best_threshold(blind_best, OVERLAPS)
    return {
        **mean_over_images(name, _measured(measured, *fitting)),
        **mean_over_images(f"{name}_v2", _measured(measured, *fitting_any)),
    }


def _at_the_best_threshold(overlap: Scores, at_least: Sequence[float]) -> BoolArray:
    """Whether each image's box fits, each at the threshold at which most do, (images, at_least)."""
    reached = overlap[:, :, None] >= np.asarray(at_least)
    best = reached.mean(axis=0).argmax(axis=0)
    chosen: BoolArray = np.stack([reached[:, threshold, place] for place, threshold in enumerate(best)], axis=1)
    return chosen


def _measured(images: Sequence[Overlaps], fits: BoolArray, blind: BoolArray) -> list[Measured]:
    return [
        Measured(one.image_id, one.label, float(fit.mean()), float(guess.mean()), answers=len(fit))
        for one, fit, guess in zip(images, fits, blind, strict=True)
    ]
