"""Do patches that show an element lie in clusters of it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.cluster_elements import MemberKinds, cluster_contents, once
from diffmine.interfaces import Metric
from diffmine.numerics.bootstrap import draws
from diffmine.numerics.shares import share_interval
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ClusterPurity(Metric):
    """Of the cluster of a patch that shows an element, the share of members that show it too.

    The mean over cluster members that show an annotated element: the precision of Bagga and Baldwin (*Entity-Based
    Cross-Document Coreferencing Using the Vector Space Model*, 1998), B-cubed, of patches that have a name. Clusters
    that show no element, such as those of hair or background, say nothing and add nothing; outliers do not count. The
    figure is the mean over labels, 0 for one whose members show no element at all. Chance is that of one cluster of all
    members, the elements' base rate. More clusters are purer, so compare only equal numbers. The interval draws images
    again, with clusters as they are. In [0, 1].
    """

    name = "cluster_purity"
    version = 2

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        contents = [one for one in cluster_contents(run) if one.counts.any()]
        if not contents:
            return {}
        per_label = {one.label: float(purity(one, once(one))[0]) for one in contents}
        value = float(np.mean(list(per_label.values())))
        replicates = np.mean([_replicates(one) for one in contents], axis=0)
        images = len({image_id for one in contents for image_id in one.image_ids})
        showing = sum(float(shown(one).sum()) for one in contents)
        low, high = share_interval(value, float(np.var(replicates)), images, showing)
        metric = MetricValue(
            value=value,
            low=min(low, value),
            high=max(high, value),
            chance=float(np.mean([base_rate(one) for one in contents])),
            count=images,
            per_label=per_label,
        )
        return {self.name: metric}


def shown(contents: MemberKinds) -> NDArray[np.float64]:
    """Members that show an element, by image, cluster and element, (images, clusters, elements)."""
    return contents.counts[:, :, [place for place, kind in enumerate(contents.kinds) if kind]]


def base_rate(contents: MemberKinds) -> float:
    """The purity of a label's members if all of them were one cluster."""
    return float(_b_cubed(shown(contents).sum(axis=(0, 1)), contents.counts.sum()))


def purity(contents: MemberKinds, weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """The purity of a label's clusters for each weighting of its images, (weightings,)."""
    showing, members = (
        np.tensordot(weights, counts, axes=1) for counts in (shown(contents), contents.counts.sum(axis=2))
    )
    per_cluster = _b_cubed(showing, members)
    count = showing.sum(axis=2)
    purities: NDArray[np.float64] = (per_cluster * count).sum(axis=1) / np.maximum(count.sum(axis=1), 1)
    return purities


def _b_cubed(showing: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over members that show an element of the share that shows the same; elements in the last axis."""
    pairs = (showing**2).sum(axis=-1)
    return pairs / np.maximum(members * showing.sum(axis=-1), 1)  # type: ignore[no-any-return]


def _replicates(contents: MemberKinds) -> NDArray[np.float64]:
    images, cells = len(contents.image_ids), contents.counts[0].size
    return np.concatenate(
        [purity(contents, weights) for weights in draws(images, "purity", contents.label, cells=cells)]
    )
