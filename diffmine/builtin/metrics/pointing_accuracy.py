"""Does the highest pixel of the map that places patches point at the element?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from diffmine.analysis.annotated import OF_MAPS, Annotated, Measured, SplitConfig, mean_over_images, of_maps
from diffmine.interfaces import Metric
from diffmine.types import FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class PointingAccuracy(Metric):
    """Share of images in which the map that places patches is highest on the element, or next to it.

    The pointing game of Zhang et al., *Top-down Neural Attention by Excitation Backprop* (ECCV 2016), with a tolerance
    relative to the image: for each held-out image that has the element, the maximum of the map, upsampled to the
    image, must lie within ``tolerance`` times the image's short side of an element pixel (Euclidean distance of pixel
    centres). Where several pixels share the maximum, the image counts with the share of them that hit. Chance is the
    mean share of pixels that would hit. In [0, 1]. Where the recipe places patches by another map than typicality,
    ``pointing_accuracy_typicality`` is the same of typicality.
    """

    name = "pointing_accuracy"
    version = 3
    reads = OF_MAPS

    class Config(SplitConfig):
        """Options of ``pointing_accuracy``."""

        tolerance: float = Field(0.05, ge=0, le=1, description="distance that still hits, as a share of the short side")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return of_maps(self.name, run, self._measure, self.config.split, mean_over_images)

    def _measure(self, one: Annotated, values: FloatArray) -> Measured:
        from scipy.ndimage import distance_transform_edt

        hits = distance_transform_edt(~one.mask) <= self.config.tolerance * min(one.mask.shape)
        value = hits[values == values.max()].mean()
        return Measured(one.record.image_id, one.label, float(value), float(hits.mean()), answers=1)
