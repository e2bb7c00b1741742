"""CheXlocalize's figures, in ``metrics.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import Measured, mean_over_images
from diffmine.interfaces import Metric
from diffmine.types import MetricValue
from diffmine_localize.findings import located

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class CheXlocalize(Metric):
    """mIoU and hit rate of typicality against masks or boxes, as CheXlocalize measures saliency maps of chest X-rays.

    Saporta et al., *Benchmarking saliency methods for chest X-ray interpretation* (Nature Machine Intelligence, 2022).
    ``miou``: the mean over pictures of the intersection over union of the mask and of what of the map, scaled to
    [0, 1], is above a threshold; each finding has its own, of 0.2 to 0.8 the one that is best for annotated pictures of
    the validation split, or, where there are none, for the other half of its pictures. ``hit_rate``: how often the
    highest pixel lies on it. Both in [0, 1]. Chance is the share of the picture that it covers: what taking the whole
    picture, and pointing anywhere, give.
    """

    name = "chexlocalize"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        rows = located(run)
        known = [one for one in rows if math.isfinite(one.iou)]
        overlaps = [Measured(one.image_id, one.finding, one.iou, one.mask_share) for one in known]
        hits = [Measured(one.image_id, one.finding, one.hit, one.mask_share, answers=1) for one in rows]
        return {**mean_over_images("miou", overlaps), **mean_over_images("hit_rate", hits)}
