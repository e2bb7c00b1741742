"""What selected patches are held against: how typical patches are under labels that mean nothing to their image."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from diffmine.numerics.false_discoveries import chance_limits, true_discoveries
from diffmine.numerics.significance import benjamini_hochberg, empirical_p_values, smallest_q_value
from diffmine.runs.tables import EVIDENCE
from diffmine.types import IntArray, Patch


class Typicalities:
    """Typicality of what was proposed for images, in eight bytes a patch and image.

    Args:
        images: the typicality of the patches of each image.
    """

    def __init__(self, images: Iterable[Sequence[float]] = ()) -> None:
        self.images = 0
        self._values, self._best = array("d"), array("d")
        for values in images:
            self.append(values)

    def append(self, values: Sequence[float]) -> None:
        """Add what was proposed for one image, which may be nothing."""
        self.images += 1
        self._values.extend(values)
        if values:
            self._best.append(max(values))

    @property
    def values(self) -> NDArray[np.float64]:
        """Of all patches, float64, (patches,)."""
        return np.array(self._values)

    @property
    def best(self) -> NDArray[np.float64]:
        """Of the best patch of each image that has one, float64, (images,)."""
        return np.array(self._best)

    def __len__(self) -> int:
        """Patches."""
        return len(self._values)


class Evidence:
    """What the patches of a label are held against; of images that the model which scored them has not learned from.

    Attributes:
        observed: typicality of the patches proposed for each image of the label, of which the best are kept.
        null: typicality of the patches proposed in the same way, under this label, for each image it means nothing to.
    """

    def __init__(self, observed: Iterable[Sequence[float]] = (), null: Iterable[Sequence[float]] = ()) -> None:
        self.observed, self.null = Typicalities(observed), Typicalities(null)

    @property
    def tested(self) -> bool:
        """Whether p-values can be told."""
        return len(self.observed) > 0 and len(self.null) > 0

    def judged(self, patches: Sequence[Patch]) -> Iterator[Patch]:
        """The patches, which are some of those observed, with p-values and q-values."""
        chance = np.sort(self.null.values)
        tested = np.sort(empirical_p_values(self.observed.values, chance))
        q_values = benjamini_hochberg(tested)
        for patch, p in zip(patches, empirical_p_values([one.typicality for one in patches], chance), strict=True):
            q = q_values[np.searchsorted(tested, p)]
            yield replace(patch, p_value=float(p), q_value=float(q))


def with_significance(
    patches: Sequence[Patch], table: str, selection: str, evidence: Mapping[tuple[str, str], Evidence]
) -> Iterator[Patch]:
    """The patches, those of the run's own selection with p-values and q-values where their label has a null.

    Args:
        patches: of images that the model which scored them has not learned from.
        table: what is said of them in ``evidence``, by table and label.
    """
    for (label, chosen_by), group in groupby(patches, key=lambda patch: (patch.label, patch.selection)):
        members, against = list(group), evidence.get((table, label), Evidence())
        yield from against.judged(members) if chosen_by == selection and against.tested else members


def evidence_table(evidence: Mapping[tuple[str, str], Evidence]) -> pa.Table:
    """Rows of ``evidence.parquet``."""
    rows = []
    for (table, label), one in sorted(evidence.items()):
        row = {"table": table, "label": label, "images": one.observed.images, "tests": len(one.observed)}
        best = np.sort(one.null.best)[::-1]
        rows.append({**row, "nulls": len(one.null), "smallest_q": smallest_q_value(len(one.null)), "null_best": best})
    return pa.Table.from_pylist(rows, schema=EVIDENCE)


def least_shares(
    cluster: IntArray, patches: Sequence[Patch], against: Mapping[str, Any] | None, clusters: int
) -> list[float | None]:
    """For each cluster a lower bound of the share of its members that are more typical than chance, for all at once.

    Args:
        cluster: int32, (patches,): from 0; -1 marks an outlier.
        patches: of one label; those without a p-value, which were not tested, are not counted as typical.
        against: the label's row of ``evidence.parquet``.
        clusters: how many clusters there are.
    Returns:
        One a cluster, in [0, 1]; None where none of its members was tested.
    """
    if against is None:
        return [None] * clusters
    null = np.sort(np.asarray(against["null_best"], dtype=np.float32))
    limits = chance_limits(against["images"], len(null))
    typicality = np.array([patch.typicality for patch in patches], dtype=np.float32)
    above = len(null) - np.searchsorted(null, typicality, side="left")
    tested = np.array([patch.p_value is not None for patch in patches])
    shares: list[float | None] = []
    for number in range(clusters):
        members = np.flatnonzero((cluster == number) & tested).tolist()
        found = true_discoveries(above[members], [patches[row].image_id for row in members], limits)
        shares.append(found / int(np.sum(cluster == number)) if len(members) else None)
    return shares
