"""Are pictures that have the element more typical than pictures of the same labels that have it not?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, SplitConfig, measured_records
from diffmine.analysis.discrimination import Judged, area_under_roc
from diffmine.analysis.proposals import best_typicality
from diffmine.interfaces import Metric
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class PresenceAuc(Metric):
    """How well the best patch's typicality tells images with the element from those of its label without it.

    Over held-out images under each label that they carry, where a mask says whether the element is there: the
    typicality of the best patch that the run's selector proposes; the area under the ROC curve, which is how often it
    is higher in an image with the element than in one without. 0.5 is chance. In [0, 1].
    """

    name = "presence_auc"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return area_under_roc(self.name, list(_judged(run, self)))


def _judged(run: Run, metric: PresenceAuc) -> Iterator[Judged]:
    for record in measured_records(run, metric.config.split):
        masks = run.masks(record.image_id)
        for label in record.labels:
            if label in masks and (value := best_typicality(run, record, label)) is not None:
                yield Judged(record.image_id, label, value, bool(masks[label].any()))
