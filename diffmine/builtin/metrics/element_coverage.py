"""Do the best clusters show what was planted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diffmine.analysis.cluster_elements import MemberKinds, cluster_contents, once
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.numerics.bootstrap import draws, percentile_interval
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ElementCoverage(Metric):
    """Share of the labels' elements that most members of one of the label's best clusters show.

    Over labels whose training images carry annotations of the label's own element. The interval draws images again
    and counts anew, with the clusters as they are. In [0, 1].
    """

    name = "element_coverage"

    class Config(ComponentConfig):
        """Options of ``element_coverage``."""

        best: int = Field(5, ge=1, description="clusters of each label to look at, the most typical ones")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        contents = cluster_contents(run, self.config.best)
        if not contents:
            return {}
        covered = {one.label: bool(is_covered(one, once(one))[0]) for one in contents}
        low, high = percentile_interval(np.mean([_replicates(one) for one in contents], axis=0))
        value = float(np.mean(list(covered.values())))
        metric = MetricValue(
            value=value,
            low=min(low, value),
            high=max(high, value),
            count=len({image_id for one in contents for image_id in one.image_ids}),
            per_label={label: float(found) for label, found in covered.items()},
        )
        return {self.name: metric}


def is_covered(contents: MemberKinds, weights: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a cluster's majority shows the label's element, for each weighting of the images, (weightings,)."""
    if contents.label not in contents.kinds:
        return np.zeros(len(weights), dtype=bool)
    element = contents.counts[:, :, contents.kinds.index(contents.label)]
    showing, members = weights @ element, weights @ contents.counts.sum(axis=2)
    covered: NDArray[np.bool_] = ((members > 0) & (2 * showing > members)).any(axis=1)
    return covered


def _replicates(contents: MemberKinds) -> NDArray[np.bool_]:
    images = len(contents.image_ids)
    return np.concatenate([is_covered(contents, weights) for weights in draws(images, "coverage", contents.label)])
