"""The clustered patches of a run, label by label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.runs.tables import patches_of
from diffmine.types import OUTLIER, BoolArray, IntArray, Patch

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@dataclass(frozen=True, slots=True)
class LabelClusters:
    """One label's clustered patches, in an order that does not depend on the table's.

    Attributes:
        label: the label.
        patches: those of the run's own selection.
        rows: int64, (patches,): their rows in ``run.patches`` and ``run.features``.
        cluster: int32, (patches,); -1 marks an outlier.
    """

    label: str
    patches: tuple[Patch, ...]
    rows: NDArray[np.int64]
    cluster: IntArray

    @property
    def image_ids(self) -> list[str]:
        return [patch.image_id for patch in self.patches]

    def members(self) -> LabelClusters:
        """Without outliers."""
        return self._take(self.cluster != OUTLIER)

    def best(self, count: int) -> LabelClusters:
        """The ``count`` most typical clusters: ids in a run are ranks."""
        return self._take((self.cluster != OUTLIER) & (self.cluster < count))

    def only(self, cluster: int) -> LabelClusters:
        """The members of one cluster."""
        return self._take(self.cluster == cluster)

    def _take(self, kept: BoolArray) -> LabelClusters:
        places = np.flatnonzero(kept)
        patches = tuple(self.patches[place] for place in places)
        return LabelClusters(self.label, patches, self.rows[places], self.cluster[places])


def label_clusters(run: Run) -> Iterator[LabelClusters]:
    """The clusters of each label, by label; patches that were not clustered (controls, failed labels) are left out."""
    rows: dict[str, list[tuple[Patch, int, int]]] = defaultdict(list)
    ids = run.patches["cluster"].to_pylist()
    for row, (patch, cluster) in enumerate(zip(patches_of(run.patches), ids, strict=True)):
        if cluster is not None and patch.selection == run.selection:
            rows[patch.label].append((patch, row, cluster))
    for label in sorted(rows):
        found = sorted(rows[label], key=lambda one: (one[0].image_id, one[0].box))
        patches, places, clusters = zip(*found, strict=True)
        yield LabelClusters(label, patches, np.array(places, dtype=np.int64), np.array(clusters, dtype=np.int32))
