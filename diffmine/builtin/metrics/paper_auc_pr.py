"""The paper's own figure of localisation, which is no average precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, Measured, SplitConfig, annotated, mean_over_images
from diffmine.analysis.localisation import boxes_of, paper_auc_pr
from diffmine.interfaces import Metric
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class PaperAucPr(Metric):
    """Area under the precision-recall curve against boxes as the paper's code computes it: of positive typicality only.

    Of 1,000 thresholds from 2e-2 down to 2e-7, by trapezoids (:func:`diffmine.analysis.localisation.paper_auc_pr`). On
    noise it gives about half the share of the image in boxes, where ``box_average_precision`` gives the share; its
    thresholds are losses of the predicted noise. So it compares with figures of the same kind alone, such as the
    paper's 3.2 % before and 9.6 % after finetuning. Boxes as in ``box_average_precision``. In [0, 1]; chance is what
    the same values give where they lie anywhere in the image.
    """

    name = "paper_auc_pr"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        measured = [
            Measured(
                one.record.image_id,
                one.label,
                *paper_auc_pr(boxes_of(run, one), run.typicality_image(one.record.image_id, one.label)),
            )
            for one in annotated(run, self.config.split)
        ]
        return mean_over_images(self.name, measured)
