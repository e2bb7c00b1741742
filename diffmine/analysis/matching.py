"""What became of clusters from one run to another: kept, split, merged, new, lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffmine.types import OUTLIER

MAJORITY = 0.5

Fate = Literal["kept", "split", "merged", "new", "lost"]
FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """What became of clusters from the first run to the second.

    Attributes:
        label: the label.
        fate: ``kept`` (one to one, at least half of their union in common), ``split`` (one became several),
            ``merged`` (several became one), ``lost`` or ``new``. Where one of several parts carries the cluster on, it
            is ``kept`` and each other part is a ``split`` or ``merged`` of its own.
        first: ids in the first run; none where ``new``.
        second: ids in the second run; none where ``lost``.
        overlap: shared members of both sides, over all shared members of either (Jaccard).
    """

    label: str
    fate: Fate
    first: tuple[int, ...]
    second: tuple[int, ...]
    overlap: float

    def flipped(self) -> ClusterMatch:
        """With the runs' ids exchanged."""
        return ClusterMatch(self.label, self.fate, self.second, self.first, self.overlap)


def match_clusters(
    label: str, first: Sequence[int], second: Sequence[int], present: tuple[Collection[int], Collection[int]] = ((), ())
) -> list[ClusterMatch]:
    """What became of each cluster, by the patches that both runs share.

    Pairs are those of the largest total overlap (Hungarian method). Of the rest, a cluster of which at least half went
    into clusters that are at least half it was split, and the other way round merged; one of which more than half went
    into a cluster that is settled already was merged into that, or split from it.

    Args:
        label: the label.
        first, second: the cluster of each shared patch; -1 marks an outlier.
        present: further clusters of the two runs, which may have no shared patch.
    """
    table = Contingency(first, second, present)
    matching = Matching(label, table, set(range(len(table.rows))), set(range(len(table.columns))))
    kept = matching.kept()
    back = matching.flipped()
    split, merged = matching.parts("split"), [one.flipped() for one in back.parts("merged")]
    joined, left = matching.strays("merged", "lost"), [one.flipped() for one in back.strays("split", "new")]
    return [*kept, *split, *merged, *joined, *left]


class Contingency:
    """Shared members by cluster of the first run (rows) and of the second (columns).

    Attributes:
        rows, columns: the ids, ascending, without outliers.
        counts: float64, (rows, columns).
        sizes: float64, (rows,): shared members of each cluster of the first run, outliers of the second among them.
        overlaps: float64, (rows, columns), Jaccard.
    """

    def __init__(
        self, first: Sequence[int], second: Sequence[int], present: tuple[Collection[int], Collection[int]]
    ) -> None:
        self.first, self.second, self.present = np.asarray(first), np.asarray(second), present
        self.rows, self.columns = (
            sorted({*ids, *more} - {OUTLIER}) for ids, more in zip((first, second), present, strict=True)
        )
        members = self.first[:, None] == np.array(self.rows, dtype=np.int64)
        others = self.second[:, None] == np.array(self.columns, dtype=np.int64)
        self.counts = members.T.astype(np.float64) @ others
        self.sizes, self.column_sizes = members.sum(axis=0, dtype=np.float64), others.sum(axis=0, dtype=np.float64)

    def flipped(self) -> Contingency:
        """With the runs exchanged."""
        return Contingency(self.second.tolist(), self.first.tolist(), self.present[::-1])

    @cached_property
    def overlaps(self) -> NDArray[np.float64]:
        union = self.sizes[:, None] + self.column_sizes - self.counts
        overlaps: NDArray[np.float64] = np.divide(self.counts, union, out=np.zeros_like(self.counts), where=union > 0)
        return overlaps


class Matching:
    """Clusters of the first run (rows), and where their members went (columns), found out step by step.

    Attributes:
        rows: rows whose fate is not known yet.
        columns: columns whose fate is not known yet.
    """

    def __init__(self, label: str, table: Contingency, rows: set[int], columns: set[int]) -> None:
        self.label, self.table, self.rows, self.columns = label, table, rows, columns

    def flipped(self) -> Matching:
        """The same from the second run's side; what one settles is settled for both."""
        return Matching(self.label, self.table.flipped(), self.columns, self.rows)

    def kept(self) -> list[ClusterMatch]:
        """The pairs of the largest total overlap that have at least half of their union in common."""
        from scipy.optimize import linear_sum_assignment

        overlaps = self.table.overlaps
        found = []
        for row, column in zip(*linear_sum_assignment(overlaps, maximize=True), strict=True):
            if overlaps[row, column] >= MAJORITY:
                self.rows.remove(row)
                self.columns.remove(column)
                found.append(self._match("kept", row, [column], overlaps[row, column]))
        return found

    def parts(self, fate: Fate) -> list[ClusterMatch]:
        """Clusters at least half of which went into several clusters that are at least half theirs."""
        table, found = self.table, []
        for row in sorted(self.rows):
            counts = table.counts[row]
            parts = [j for j in sorted(self.columns) if counts[j] > 0 and counts[j] >= MAJORITY * table.column_sizes[j]]
            common = counts[parts].sum()
            if len(parts) > 1 and common >= MAJORITY * table.sizes[row]:
                self.rows.remove(row)
                self.columns.difference_update(parts)
                union = table.sizes[row] + table.column_sizes[parts].sum() - common
                found.append(self._match(fate, row, parts, common / union))
        return found

    def strays(self, fate: Fate, otherwise: Fate) -> list[ClusterMatch]:
        """What is left over: clusters that are mostly in one settled cluster, and those that are not."""
        found = []
        for row in sorted(self.rows):
            homes = np.flatnonzero(self.table.counts[row] > MAJORITY * self.table.sizes[row])
            if len(homes) and int(homes[0]) not in self.columns:
                found.append(self._match(fate, row, [homes[0]], self.table.overlaps[row, homes[0]]))
            else:
                found.append(self._match(otherwise, row, [], 0.0))
        return found

    def _match(self, fate: Fate, row: int, columns: Sequence[int], overlap: float) -> ClusterMatch:
        second = tuple(self.table.columns[column] for column in columns)
        return ClusterMatch(self.label, fate, (self.table.rows[row],), second, float(overlap))
