"""Does each cluster show one thing?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.cluster_elements import MemberKinds, cluster_contents, once
from diffmine.interfaces import Metric
from diffmine.numerics.bootstrap import draws, percentile_interval
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ClusterPurity(Metric):
    """Share of cluster members that show what most of their cluster shows.

    Purity as in Manning, Raghavan and Schuetze, *Introduction to Information Retrieval* (2008), section 16.3: the sum
    over clusters of the size of their largest class, over the number of members. The class of a patch is the annotated
    element that it shows, or "none of them"; outliers do not count. The figure is the mean over labels; chance is the
    purity of one cluster of all members. More clusters are purer, so compare only equal numbers. In (0, 1].
    """

    name = "cluster_purity"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        contents = [one for one in cluster_contents(run) if one.counts.any()]
        if not contents:
            return {}
        per_label = {one.label: float(purity(one, once(one))[0]) for one in contents}
        value = float(np.mean(list(per_label.values())))
        low, high = percentile_interval(np.mean([_replicates(one) for one in contents], axis=0))
        metric = MetricValue(
            value=value,
            low=min(low, value),
            high=max(high, value),
            chance=float(np.mean([one.counts.sum(axis=(0, 1)).max() / one.counts.sum() for one in contents])),
            count=len({image_id for one in contents for image_id in one.image_ids}),
            per_label=per_label,
        )
        return {self.name: metric}


def purity(contents: MemberKinds, weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """The purity of a label's clusters for each weighting of its images, (weightings,)."""
    images, clusters, kinds = contents.counts.shape
    counts = (weights @ contents.counts.reshape(images, -1)).reshape(-1, clusters, kinds)
    purities: NDArray[np.float64] = counts.max(axis=2).sum(axis=1) / counts.sum(axis=(1, 2))
    return purities


def _replicates(contents: MemberKinds) -> NDArray[np.float64]:
    images, cells = len(contents.image_ids), contents.counts[0].size
    return np.concatenate(
        [purity(contents, weights) for weights in draws(images, "purity", contents.label, cells=cells)]
    )
