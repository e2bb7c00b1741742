"""Are pictures more typical of their own labels than of wrong ones?"""

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


class LabelAuc(Metric):
    """How well the best patch's typicality tells own labels from wrong ones; needs no masks.

    Over held-out images, so that the model cannot know their labels by heart: the typicality of the best patch that the
    run's selector proposes under each label that the image carries, against that under labels that say nothing of it
    (the scorer's null maps); the area under the ROC curve, which is how often an own value exceeds a wrong one. 0.5 is
    chance: nothing that tells labels apart was found. In [0, 1].
    """

    name = "label_auc"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return area_under_roc(self.name, list(_judged(run, self)))


def _judged(run: Run, metric: LabelAuc) -> Iterator[Judged]:
    for record in measured_records(run, metric.config.split):
        for label, role in run.maps.roles(record.image_id).items():
            if role != "other" and (value := best_typicality(run, record, label)) is not None:
                yield Judged(record.image_id, label, value, role == "own")
