"""The order of the page's patches: by label, then by group, so that what is looked at together lies together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diffmine.runs.contents import Contents, Rows

COVER_ROWS = 3
COVER_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Group:
    """Patches that lie together on the page: a cluster, the outliers, or a control selection.

    Attributes:
        label: index in ``Ordering.labels``.
        name: the cluster's id, ``outliers``, or the selection.
        start, stop: half-open range of the page's patches.
    """

    label: int
    name: str
    start: int
    stop: int


class Ordering:
    """Every patch of a run in the order of the page, which merges clusters itself, by the notes as they stand.

    Attributes:
        contents: the run's contents as they were computed.
        shown: the same as people want to see them.
        labels: every label of the run, see ``Run.labels``.
        groups: in order.
        rows: the row of ``Run.patches`` of each of the page's patches.
    """

    def __init__(self, shown: Contents) -> None:
        self.contents, self.shown = shown.run.as_computed().contents, shown
        contents = self.contents
        self.labels = contents.run.labels
        self.groups: list[Group] = []
        parts: list[Rows] = [np.empty(0, dtype=np.int64)]
        start = 0
        for number, label in enumerate(self.labels):
            for name, rows in contents.groups(label):
                self.groups.append(Group(number, name, start, start + len(rows)))
                parts.append(rows)
                start += len(rows)
        self.rows = np.concatenate(parts)

    @cached_property
    def image_ids(self) -> list[str]:
        """The pictures that have patches, in the order in which the page comes to them."""
        return list(dict.fromkeys(self.contents.image_ids(self.rows)))

    def ranges(self) -> list[tuple[int, int]]:
        """The range of patches of each label, one after the other; empty where a label has none."""
        ranges, end = [], 0
        for number in range(len(self.labels)):
            stops = [group.stop for group in self.groups if group.label == number]
            ranges.append((end, max(stops, default=end)))
            end = ranges[-1][1]
        return ranges

    def covers(self) -> list[list[tuple[int, list[int]]]]:
        """What the overview shows of each label: (number of the group, patches) of its best clusters."""
        starts = {(group.label, group.name): number for number, group in enumerate(self.groups)}
        covers = []
        for number, label in enumerate(self.labels):
            best = [starts[number, str(one.cluster)] for one in self.shown.best_clusters(label)[:COVER_ROWS]]
            covers.append([(one, self._first(self.groups[one], COVER_COLUMNS)) for one in best])
        return covers

    @staticmethod
    def _first(group: Group, count: int) -> list[int]:
        return list(range(group.start, min(group.stop, group.start + count)))
