"""How far do selected patches stand out from random ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.interfaces import Metric
from diffmine.numerics.bootstrap import draws, percentile_interval
from diffmine.runs.tables import patches_of
from diffmine.types import MetricValue, Patch

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CONTROL, OPPOSITE = "random", "least"
Moments = NDArray[np.float64]


class Separation(Metric):
    """Typicality of the selected patches against random ones, as an effect size.

    Cohen's d (*Statistical Power Analysis*, 1988), the difference of the means in units of the pooled standard
    deviation sqrt((s_1^2 + s_2^2) / 2), of the training patches of each label; the figure is the mean over labels. The
    best of many patches exceed random ones even in noise, so chance is the same effect between random patches and the
    ``least`` typical ones: for a map that is noise around one level, both are equal.
    """

    name = "separation"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        patches = patches_of(run.patches)
        per_label: dict[str, float] = {}
        replicates, mirrored = [], []
        for label in run.labels:
            images = sorted({patch.image_id for patch in patches if patch.label == label})
            best, control, least = (
                _moments([p for p in patches if p.label == label and p.selection == selection], images)
                for selection in (run.selection, CONTROL, OPPOSITE)
            )
            if min(best[:, 0].sum(), control[:, 0].sum()) >= 2:
                per_label[label] = float(effect_size(best.sum(axis=0), control.sum(axis=0)))
                replicates.append(_replicates(best, control, label))
                mirrored.append(float(effect_size(control.sum(axis=0), least.sum(axis=0))))
        if not per_label:
            return {}
        value = float(np.mean(list(per_label.values())))
        low, high = percentile_interval(np.mean(replicates, axis=0))
        chance = float(np.mean(mirrored))
        metric = MetricValue(
            value=value,
            low=min(low, value),
            high=max(high, value),
            chance=chance if np.isfinite(chance) else None,
            count=len({patch.image_id for patch in patches}),
            per_label=per_label,
        )
        return {self.name: metric}


def effect_size(first: Moments, second: Moments) -> Moments:
    """Cohen's d from (count, sum, sum of squares) in the last axis; 0 where neither varies, NaN where one is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [moments[..., 1] / moments[..., 0] for moments in (first, second)]
        variances = [m[..., 2] / m[..., 0] - mean**2 for m, mean in zip((first, second), means, strict=True)]
        pooled = np.sqrt(np.maximum(sum(variances), 0) / 2)
        effect: Moments = np.where(pooled > 0, (means[0] - means[1]) / pooled, means[0] - means[1])
    return effect


def _moments(patches: Sequence[Patch], images: list[str]) -> Moments:
    """Count, sum and sum of squares of the typicality, for each image, (images, 3)."""
    place = {image_id: row for row, image_id in enumerate(images)}
    moments = np.zeros((len(images), 3))
    for patch in patches:
        moments[place[patch.image_id]] += (1.0, patch.typicality, patch.typicality**2)
    return moments


def _replicates(best: Moments, control: Moments, label: str) -> Moments:
    effects = [effect_size(weights @ best, weights @ control) for weights in draws(len(best), "separation", label)]
    return np.nan_to_num(np.concatenate(effects))
