"""How well a map lights up in the boxes that were drawn around an element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.annotated import Annotated
from diffmine.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

PAPER_THRESHOLDS: NDArray[np.float64] = 2 * 10.0 ** -np.linspace(2, 7, 1000)
"""Those of the authors' code, falling from 2e-2 to 2e-7: in units of the loss, and never at or below 0."""


def boxes_of(run: Run, one: Annotated) -> BoolArray:
    """Where boxes are around the element, bool, (height, width): the dataset's own, or those around its mask."""
    drawn = run.boxes(one.record.image_id).get(one.label)
    return bounding_boxes(one.mask) if drawn is None else drawn


def bounding_boxes(mask: BoolArray) -> BoolArray:
    """The mask with each connected part (8-neighbourhood) filled to its bounding box."""
    from scipy.ndimage import find_objects, label

    parts, _ = label(mask, structure=np.ones((3, 3)))
    boxes = np.zeros_like(mask)
    for box in find_objects(parts):
        boxes[box] = True
    return boxes


def paper_auc_pr(boxes: BoolArray, heat: FloatArray) -> tuple[float, float]:
    """Area under the precision-recall curve of one picture as the paper's code computes it, and its chance level.

    At each of :data:`PAPER_THRESHOLDS` the pixels above it are what was found; precision is 0 where nothing is. The
    area is that of trapezoids over the recalls that these thresholds reach. So pixels of negative typicality are never
    found, and recall ends at the share of the boxes that is above 2e-7: on noise the area is about half the share of
    the picture in boxes, where average precision gives the share. A perfect map of two values gives 0.5, as the curve
    begins at precision 0.

    Args:
        boxes: bool, (height, width), some True.
        heat: float32, (height, width), in units of the squared error of the predicted noise.
    Returns:
        the area, in [0, 1]; and the area that the same values give on average where they lie anywhere: the share of
        the picture in boxes times the share of pixels between the first threshold and the last.
    """
    from scipy.integrate import trapezoid

    inside, everywhere = (_above(values) for values in (heat[boxes], heat.ravel()))
    precision = np.divide(inside, everywhere, out=np.zeros(len(inside)), where=everywhere > 0)
    area = float(trapezoid(precision, inside / boxes.sum()))
    return area, float(boxes.mean() * (everywhere[-1] - everywhere[0]) / heat.size)


def _above(values: FloatArray) -> NDArray[np.int64]:
    """How many values are above each threshold."""
    return len(values) - np.searchsorted(np.sort(values), PAPER_THRESHOLDS, side="right")
