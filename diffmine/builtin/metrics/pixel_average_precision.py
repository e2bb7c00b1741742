"""Does the typicality map rank the element's pixels first?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.builtin.metrics.annotated import Annotated, Measured, annotated_heldout, figure
from diffmine.interfaces import Metric
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class PixelAveragePrecision(Metric):
    """Average precision of the typicality map, pixel by pixel, against the mask of the element.

    For each held-out image that has the element: the map, upsampled to the image, ranks the pixels;
    AP = sum over thresholds of (R_n - R_{n-1}) P_n, without interpolation (scikit-learn's
    ``average_precision_score``). The figure is the mean over images. Chance is the mean share of element pixels, which
    is what a random ranking is expected to reach. In [0, 1].
    """

    name = "pixel_average_precision"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return figure(self.name, [_measure(run, one) for one in annotated_heldout(run)])


def _measure(run: Run, one: Annotated) -> Measured:
    from sklearn.metrics import average_precision_score

    typicality = run.typicality_image(one.record.image_id, one.label)
    precision = average_precision_score(one.mask.ravel(), typicality.ravel())
    return Measured(one.record.image_id, one.label, float(precision), float(one.mask.mean()))
