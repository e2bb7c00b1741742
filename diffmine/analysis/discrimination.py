"""How well values of pictures tell two classes apart: the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.bootstrap import draws
from diffmine.numerics.shares import share_interval
from diffmine.types import MetricValue


@dataclass(frozen=True, slots=True)
class Judged:
    """One value of a picture under a label.

    Attributes:
        image_id: the picture.
        label: the label.
        value: the higher, the more it speaks for ``positive``.
        positive: the class that it should speak for.
    """

    image_id: str
    label: str
    value: float
    positive: bool


def area_under_roc(name: str, judged: Sequence[Judged]) -> dict[str, MetricValue]:
    """``name``: how often a positive value exceeds another one, ties counting half; empty where a class is empty.

    Mann and Whitney's statistic over all pairs, whatever their labels. Its interval is that of a share
    (:func:`~diffmine.numerics.shares.share_interval`): pictures are drawn again for its variance, and m and n values
    are at most 4 m n / (m + n + 2) independent answers, as the variance of Hanley and McNeil (*The Meaning and Use of
    the Area under a Receiver Operating Characteristic (ROC) Curve*, 1982) has it near 1. ``per_label`` is within each
    label that has both classes. Chance is 0.5.
    """
    if not _both(judged):
        return {}
    names = sorted({one.image_id for one in judged})
    value = float(_areas(judged, names, np.ones((1, len(names))))[0])
    positives = sum(one.positive for one in judged)
    answers = 4 * positives * (len(judged) - positives) / (len(judged) + 2)
    weightings = draws(len(names), name, cells=len(judged))
    replicates = np.concatenate([_areas(judged, names, weights) for weights in weightings])
    low, high = share_interval(value, float(np.nanvar(replicates)), min(len(names), answers), answers)
    labels = {label: [one for one in judged if one.label == label] for label in sorted({one.label for one in judged})}
    metric = MetricValue(
        value=value,
        low=min(low, value),
        high=max(high, value),
        chance=0.5,
        count=len(names),
        per_label=_per_label(labels),
    )
    return {name: metric}


def _both(judged: Sequence[Judged]) -> bool:
    return len({one.positive for one in judged}) == 2


def _per_label(labels: Mapping[str, Sequence[Judged]]) -> dict[str, float]:
    areas = {}
    for label, judged in labels.items():
        if _both(judged):
            names = sorted({one.image_id for one in judged})
            areas[label] = float(_areas(judged, names, np.ones((1, len(names))))[0])
    return areas


def _areas(judged: Sequence[Judged], names: Sequence[str], weights: NDArray[np.number]) -> NDArray[np.float64]:
    """The area for each weighting of the pictures, (weightings,); NaN where a class has no weight."""
    from scipy.sparse import csr_matrix

    place = {image_id: column for column, image_id in enumerate(names)}
    image = np.array([place[one.image_id] for one in judged])
    positive = np.array([one.positive for one in judged])
    levels, level = np.unique([one.value for one in judged], return_inverse=True)
    shape = len(levels), len(names)
    own, others = (
        csr_matrix((np.ones(kept.sum()), (level[kept], image[kept])), shape) @ weights.T
        for kept in (positive, ~positive)
    )
    below = np.cumsum(others, axis=0) - others / 2
    with np.errstate(invalid="ignore"):
        areas: NDArray[np.float64] = (own * below).sum(axis=0) / (own.sum(axis=0) * others.sum(axis=0))
    return areas
