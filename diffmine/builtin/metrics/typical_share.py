"""How much of what was clustered is surely more than chance?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffmine.interfaces import Metric
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class TypicalShare(Metric):
    """Share of the clusters' patches that are typical at least; needs no masks.

    The lower bounds of the clusters (``at_least`` in ``clusters.parquet``), weighted by their sizes. Those of a label
    hold for all its clusters at once, with 95 % probability, so that its ``per_label`` is a bound as well. 0 where
    nothing can be told. In [0, 1].
    """

    name = "typical_share"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        tested = [row for row in run.clusters.to_pylist() if row["at_least"] is not None]
        if not tested:
            return {}
        labels = sorted({row["label"] for row in tested})
        per_label = {label: _share([row for row in tested if row["label"] == label]) for label in labels}
        size = sum(row["size"] for row in tested)
        return {self.name: MetricValue(_share(tested), chance=0.0, count=size, per_label=per_label)}


def _share(clusters: list[dict[str, float]]) -> float:
    return sum(row["at_least"] * row["size"] for row in clusters) / sum(row["size"] for row in clusters)
