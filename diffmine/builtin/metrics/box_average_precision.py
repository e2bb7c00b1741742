"""Does the typicality map light up in the annotated boxes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, Annotated, Measured, SplitConfig, annotated, mean_over_images
from diffmine.analysis.localisation import boxes_of
from diffmine.interfaces import Metric
from diffmine.types import BoolArray, FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class BoxAveragePrecision(Metric):
    """Average precision of the typicality map against boxes, and mean typicality inside of them.

    ``box_average_precision``: as ``pixel_average_precision``, with the element replaced by the boxes around it: those
    that the dataset has, or else, of its mask, the bounding box of each connected part. It is not the area that the
    paper's code computes, which is ``paper_auc_pr``. In [0, 1];
    chance is the share of the image that lies in boxes. ``box_typicality``: the mean typicality inside the boxes, in
    units of the denoising loss; chance is the mean over the whole image.
    """

    name = "box_average_precision"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        precision, typicality = [], []
        for one in annotated(run, self.config.split):
            boxes = boxes_of(run, one)
            heat = run.typicality_image(one.record.image_id, one.label)
            precision.append(_precision(one, boxes, heat))
            inside, everywhere = float(heat[boxes].mean()), float(heat.mean())
            typicality.append(Measured(one.record.image_id, one.label, inside, everywhere))
        return {**mean_over_images(self.name, precision), **mean_over_images("box_typicality", typicality)}


def _precision(one: Annotated, boxes: BoolArray, heat: FloatArray) -> Measured:
    from sklearn.metrics import average_precision_score

    value = float(average_precision_score(boxes.ravel(), heat.ravel()))
    return Measured(one.record.image_id, one.label, value, float(boxes.mean()))
