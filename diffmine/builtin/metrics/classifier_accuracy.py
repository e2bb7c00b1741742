"""Does the model know the labels?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, Measured, SplitConfig, mean_over_images, measured_records
from diffmine.interfaces import Metric
from diffmine.types import ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ClassifierAccuracy(Metric):
    """Accuracy of the diffusion model as a classifier of held-out images.

    Li et al., *Your Diffusion Model is Secretly a Zero-Shot Classifier* (ICCV 2023): an image is given the label under
    which its denoising loss is lowest, which is the one of the highest mean typicality, as the null loss is common to
    all. ``classifier_accuracy``: over images scored under every label; right when the image carries the label; chance
    is one over the number of labels. ``label_margin_accuracy``: over images scored under at least one label that they
    do not carry: how often an own label's mean typicality exceeds that of such a label, ties counting half; chance is
    one half. In [0, 1].
    """

    name = "classifier_accuracy"
    version = 2
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        accuracy, margins = [], []
        for record in measured_records(run, self.config.split):
            levels = {label: _level(run, record, label) for label in run.scored_labels(record.image_id)}
            accuracy += list(_classified(record, levels, run.labels))
            margins += list(_compared(record, levels))
        return {**mean_over_images(self.name, accuracy), **mean_over_images("label_margin_accuracy", margins)}


def _level(run: Run, record: ImageRecord, label: str) -> float:
    return float(run.typicality_image(record.image_id, label).mean(dtype=float))


def _classified(record: ImageRecord, levels: Mapping[str, float], labels: list[str]) -> Iterator[Measured]:
    if len(labels) > 1 and set(levels) == set(labels):
        best = max(levels.values())
        tied = [label for label in labels if levels[label] == best]
        share = sum(label in record.labels for label in tied) / len(tied)
        yield Measured(record.image_id, record.labels[0], share, len(record.labels) / len(labels), answers=1)


def _compared(record: ImageRecord, levels: Mapping[str, float]) -> Iterator[Measured]:
    own = [label for label in record.labels if label in levels]
    others = [label for label in levels if label not in record.labels]
    for label in own if others else []:
        gaps = [levels[label] - levels[other] for other in others]
        wins = sum(1.0 if gap > 0 else 0.5 if gap == 0 else 0.0 for gap in gaps)
        yield Measured(record.image_id, label, wins / len(gaps), 0.5, answers=len(gaps))
