"""CheXlocalize's two figures of a map: overlap at a threshold that other pictures chose, and whether its peak hits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.score_maps import normalized
from diffmine.numerics.seeding import derive_seed
from diffmine.types import BoolArray, FloatArray

THRESHOLDS = np.arange(2, 9) / 10
"""Those that CheXlocalize tries, of maps that are scaled to [0, 1] each by itself."""
Overlaps = NDArray[np.float64]


def overlaps(mask: BoolArray, heat: FloatArray) -> Overlaps:
    """Intersection over union of the mask and what of the scaled map is above each threshold, (thresholds,), in [0, 1].

    Args:
        mask: bool, (height, width), some True.
        heat: float32, (height, width).
    """
    found = normalized(heat)[None] > THRESHOLDS[:, None, None]
    common = (found & mask).sum(axis=(1, 2))
    return np.asarray(common / (found | mask).sum(axis=(1, 2)), dtype=np.float64)


def hit(mask: BoolArray, heat: FloatArray) -> float:
    """Whether the highest pixel lies on the mask; of several highest ones, the share that do."""
    return float(mask[heat == heat.max()].mean())


def chosen_overlaps(measured: Sequence[Overlaps], image_ids: Sequence[str], choosing: Sequence[Overlaps]) -> Overlaps:
    """The overlap of each picture at the threshold with the highest mean over others, (pictures,); NaN without others.

    Args:
        measured: of the pictures of one finding.
        image_ids: theirs; they decide the halves.
        choosing: of pictures of the finding on which settings may be chosen. Where there are none, the pictures are
            dealt into halves, and each half takes the threshold of the other.
    """
    table = np.asarray(measured)
    if len(choosing):
        return np.asarray(table[:, best_threshold(choosing)])
    order = sorted(range(len(table)), key=lambda place: derive_seed("halves", image_ids[place]))
    halves = order[::2], order[1::2]
    found = np.full(len(table), np.nan)
    for mine, others in (halves, halves[::-1]):
        if others:
            found[mine] = table[mine, best_threshold(table[others])]
    return found


def best_threshold(choosing: Sequence[Overlaps] | Overlaps) -> int:
    """The place of the threshold with the highest mean overlap, of equal ones the lowest."""
    return int(np.asarray(choosing).mean(axis=0).argmax())
