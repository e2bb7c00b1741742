"""Does the map that places patches rank the element's pixels first?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, Annotated, Measured, SplitConfig, mean_over_images, of_maps
from diffmine.interfaces import Metric
from diffmine.types import FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class PixelAveragePrecision(Metric):
    """Average precision of the map that places patches, pixel by pixel, against the mask of the element.

    For each held-out image that has the element: the map, upsampled to the image, ranks the pixels;
    AP = sum over thresholds of (R_n - R_{n-1}) P_n, without interpolation (scikit-learn's
    ``average_precision_score``). The figure is the mean over images. Chance is the mean share of element pixels, which
    is what a random ranking is expected to reach. In [0, 1]. Where the recipe places patches by another map than
    typicality, ``pixel_average_precision_typicality`` is the same of typicality.
    """

    name = "pixel_average_precision"
    version = 2
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return of_maps(self.name, run, _measure, self.config.split, mean_over_images)


def _measure(one: Annotated, values: FloatArray) -> Measured:
    from sklearn.metrics import average_precision_score

    precision = average_precision_score(one.mask.ravel(), values.ravel())
    return Measured(one.record.image_id, one.label, float(precision), float(one.mask.mean()))
