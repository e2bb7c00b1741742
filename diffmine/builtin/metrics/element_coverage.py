"""Do the best clusters show what was planted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from diffmine.analysis.cluster_elements import MemberKinds, cluster_contents, random_contents
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.numerics.shares import modified_wilson
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ElementCoverage(Metric):
    """Share of the labels' elements that most members of one of the label's best clusters show.

    Over labels whose training images carry annotations of the label's own element. Chance is the same of random
    patches, the ``random`` control, that went through the run's own projection, clusterer and ranking; where the run
    has none, it is not known. The interval is that of a share of so many labels. In [0, 1].
    """

    name = "element_coverage"
    version = 2

    class Config(ComponentConfig):
        """Options of ``element_coverage``."""

        best: int = Field(5, ge=1, description="clusters of each label to look at, the most typical ones")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        contents = cluster_contents(run, self.config.best)
        if not contents:
            return {}
        covered = {one.label: float(is_covered(one)) for one in contents}
        low, high = modified_wilson(sum(covered.values()), len(covered))
        random = random_contents(run, self.config.best)
        metric = MetricValue(
            value=float(np.mean(list(covered.values()))),
            low=low,
            high=high,
            chance=None if random is None else float(np.mean([is_covered(one) for one in random])),
            count=len({image_id for one in contents for image_id in one.image_ids}),
            per_label=covered,
        )
        return {self.name: metric}


def is_covered(contents: MemberKinds) -> bool:
    """Whether the majority of a cluster shows the label's element."""
    if contents.label not in contents.kinds:
        return False
    showing = contents.counts[:, :, contents.kinds.index(contents.label)].sum(axis=0)
    members = contents.counts.sum(axis=(0, 2))
    return bool((2 * showing > members).any())
