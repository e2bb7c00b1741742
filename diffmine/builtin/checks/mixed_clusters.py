"""Clusters whose members are no nearer to each other than to the next cluster, or that annotations call mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.metrics.cluster_purity import ClusterPurity
from diffmine.builtin.metrics.silhouette import Silhouette
from diffmine.interfaces import Check
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MIXED_SILHOUETTE = 0.0
NO_PURER = 0.02
PURE = 0.9


class MixedClusters(Check):
    """Clusters whose members are no nearer to each other than to the next cluster, or that annotations call mixed."""

    name = "mixed_clusters"

    def check(self, run: Run) -> Sequence[Finding]:
        found = []
        figure = Silhouette(Silhouette.Config()).compute(run).get("silhouette")
        for label, value in (figure.per_label if figure else {}).items():
            if value <= MIXED_SILHOUETTE:
                found.append(
                    Finding(
                        f"label {label!r}: its clusters run into each other (silhouette {value:.2f}); ask for fewer "
                        "clusters, or try other features"
                    )
                )
        purity = ClusterPurity(ClusterPurity.Config()).compute(run).get("cluster_purity")
        if purity and purity.chance and purity.value < min(purity.chance + NO_PURER, PURE):
            found.append(
                Finding(
                    f"clusters are mixed: where a patch shows an element, {purity.value:.0%} of its cluster show it, "
                    f"and of all patches {purity.chance:.0%} do; ask for more clusters, or try other features"
                )
            )
        return found
