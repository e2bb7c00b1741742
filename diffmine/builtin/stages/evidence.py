"""What selected patches are held against: how typical patches are under labels that mean nothing to their image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import Any

import numpy as np
import pyarrow as pa

from diffmine.numerics.false_discoveries import chance_limits, true_discoveries
from diffmine.numerics.significance import benjamini_hochberg, empirical_p_values, smallest_q_value
from diffmine.runs.tables import EVIDENCE
from diffmine.types import IntArray, Patch


@dataclass(slots=True)
class Evidence:
    """What the patches of a label are held against; of images that the model which scored them has not learned from.

    Attributes:
        observed: typicality of the patches proposed for each image of the label, of which the best are kept.
        null: typicality of the patches proposed in the same way, under this label, for each image it means nothing to.
    """

    observed: list[list[float]] = field(default_factory=list)
    null: list[list[float]] = field(default_factory=list)

    @property
    def tested(self) -> bool:
        """Whether p-values can be told."""
        return any(self.observed) and any(self.null)

    def judged(self, patches: Sequence[Patch]) -> Iterator[Patch]:
        """The patches, which are some of those observed, with p-values and q-values."""
        everything, chance = list(chain(*self.observed)), list(chain(*self.null))
        tested = empirical_p_values(everything, chance)
        order = np.argsort(tested)
        q_values = benjamini_hochberg(tested)[order]
        for patch, p in zip(patches, empirical_p_values([one.typicality for one in patches], chance), strict=True):
            q = q_values[np.searchsorted(tested[order], p)]
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
        nulls = sum(map(len, one.null))
        row = {"table": table, "label": label, "images": len(one.observed), "tests": sum(map(len, one.observed))}
        best = sorted((max(values) for values in one.null if values), reverse=True)
        rows.append({**row, "nulls": nulls, "smallest_q": smallest_q_value(nulls), "null_best": best})
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
