"""Are members nearer to their own cluster than to the next?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from diffmine.analysis.annotated import Measured, mean_over_images
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.numerics.seeding import derive_seed
from diffmine.runs.contents import label_clusters
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class Silhouette(Metric):
    """Mean silhouette of the cluster members, by the cosine distance of their features.

    Rousseeuw, *Silhouettes* (1987): (b - a) / max(a, b), with a the mean distance to the other members and b that to
    the members of the nearest other cluster. Computed on the features as extracted, whatever projection the clusterer
    saw, so that runs can be compared; outliers do not count, and labels with fewer than two clusters are left out.
    Chance is 0. In [-1, 1].
    """

    name = "silhouette"

    class Config(ComponentConfig):
        """Options of ``silhouette``."""

        sample: int = Field(2000, ge=2, description="members of each label to compare, drawn where it has more")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        from sklearn.metrics import silhouette_samples

        measured: list[Measured] = []
        for clusters in label_clusters(run):
            members = clusters.members()
            order = sorted(
                range(len(members.patches)),
                key=lambda i: derive_seed("silhouette", members.patches[i].image_id, members.patches[i].box),
            )
            drawn = np.array(sorted(order[: self.config.sample]), dtype=np.int64)
            if 2 <= len(np.unique(members.cluster[drawn])) < len(drawn):
                rows = members.rows[drawn]
                values = silhouette_samples(run.features[rows], members.cluster[drawn], metric="cosine")
                measured += [
                    Measured(members.patches[place].image_id, members.label, float(value), 0.0)
                    for place, value in zip(drawn, values, strict=True)
                ]
        return mean_over_images(self.name, measured)
