"""The clusters that checks look at, and findings about one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diffmine.runs.contents import LabelClusters, label_clusters
from diffmine.types import Finding, Flag, Severity

if TYPE_CHECKING:
    from diffmine.runs.run import Run

BEST_CLUSTERS = 5
LEAST_MEMBERS = 5


def about(label: str, cluster: int, mark: str, text: str, severity: Severity = "warning") -> Finding:
    """A finding about one cluster."""
    sentence = f"label {label!r}, cluster {cluster}: {text}"
    return Finding(sentence, Flag(label, cluster, mark, sentence, severity))


def best_clusters(run: Run) -> Iterator[tuple[str, int, LabelClusters]]:
    """(label, cluster, members) of each label's best clusters with enough members to judge."""
    for clusters in label_clusters(run):
        for cluster in range(BEST_CLUSTERS):
            members = clusters.only(cluster)
            if len(members.patches) >= LEAST_MEMBERS:
                yield clusters.label, cluster, members
