"""Which pictures get more draws: those of which a patch may still enter or leave its label's best."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffmine.builtin.stages.patches import TABLES, Table, in_table
from diffmine.interfaces import Work
from diffmine.numerics.racing import undecided
from diffmine.processes.threads import in_threads
from diffmine.runs.records import Places, Records
from diffmine.runs.typicality_maps import TypicalityMaps
from diffmine.types import Candidate, ImageRecord

DOUBT = 0.05
"""The chance of being on the wrong side from which a patch is reported as undecided."""


class Pool(NamedTuple):
    """The patches that compete for the places of a label in one table of patches."""

    table: Table
    label: str


class Runner(NamedTuple):
    """A patch in the race.

    Attributes:
        row: of its picture.
        label: the place of the label under which it is proposed.
        value: what the label's patches are ordered by, higher first.
        error: its standard error.
        own: whether the picture carries the label.
    """

    row: int
    label: int
    value: float
    error: float
    own: bool


RUNNERS = np.dtype([("row", "i8"), ("label", "i4"), ("value", "f8"), ("error", "f8"), ("own", "?")])
Runners = NDArray[np.void]
"""Patches in the race, (patches,), of :data:`RUNNERS`, which has the fields of :class:`Runner`."""


class Race:
    """Rounds of draws, after each of which pictures that are decided stay behind.

    Patches of wrong labels compete for the places of a label as those do that carry it, and what decides knows nothing
    of the difference. Where the label means nothing the two are exchangeable before the race and after it, so p-values
    hold; where it means something, wrong labels' patches are far below the border, and cost nothing.

    Args:
        work: the stage's.
        records: all pictures of the run.
        rows: those that are scored.

    Attributes:
        draws: int64, (records,): the draws that each picture has had.
    """

    def __init__(self, work: Work, records: Records, rows: Places) -> None:
        self._work, self._records, self._rows = work, records, rows
        self._tables = {table: in_table(table, records) for table in TABLES}
        self._runners: Runners = np.zeros(0, RUNNERS)
        self.draws = np.zeros(len(records), dtype=np.int64)

    def after(self, maps: TypicalityMaps, draws: int, active: Places) -> Places:
        """The rows of the pictures that go on.

        Args:
            maps: those of the round that is done.
            draws: that each picture of it has had.
            active: the rows of the pictures that were in it.
        """
        pictures = zip(active.tolist(), self._records.take(active), strict=True)
        found = in_threads(lambda one: list(self._found(maps, *one)), pictures)
        ran = np.fromiter(chain.from_iterable(found), RUNNERS)
        kept = self._runners[~np.isin(self._runners["row"], active)]
        both = np.concatenate([kept, ran])
        self._runners = both[np.argsort(both["row"], kind="stable")]
        self.draws[active] = draws
        scorer = self._work.components.scorer
        open_pools = self._undecided(draws / scorer.rounds[-1], scorer.risk)
        doubtful = [runners["row"] for runners in open_pools.values()]
        return active[np.isin(active, np.concatenate([*doubtful, np.zeros(0, dtype=np.int64)]))]

    def report(self) -> dict[str, Any]:
        """What the race cost, what it decided, and what it left open, for JSON."""
        scorer, rounds = self._work.components.scorer, self._work.components.scorer.rounds
        draws, counts = self.draws[self._rows], self._labels_of_pictures()[self._rows]
        reached = np.unique(draws, return_counts=True)
        left = self._undecided(1.0, DOUBT)
        alike = [one.tolist() for one in np.unique([draws, counts], axis=1, return_counts=True)]
        together = list(zip(*alike[0], alike[1], strict=True))
        return {
            "first": rounds[0],
            "most": rounds[-1],
            "images": {str(had): count for had, count in zip(*(one.tolist() for one in reached), strict=True)},
            "mean": int(draws.sum()) / max(1, len(draws)),
            "passes": sum(count * (had * scorer.passes(labels) // rounds[-1]) for had, labels, count in together),
            "passes_at_most": sum(count * scorer.passes(labels) for _, labels, count in together),
            "undecided": {
                table: {pool.label: int(left[pool]["own"].sum()) for pool in left if pool.table == table}
                for table in sorted({pool.table for pool in left})
            },
        }

    def _undecided(self, share: float, risk: float) -> dict[Pool, Runners]:
        """The patches of each pool that may be on the wrong side of the border."""
        keep = self._work.components.patches.config.per_label
        found = {}
        for pool, runners in sorted(self.pools().items()):
            errors = moderated(runners["error"], self.draws[runners["row"]])
            found[pool] = runners[undecided(runners["value"], errors, keep, share, risk)]
        return found

    def pools(self) -> dict[Pool, Runners]:
        """The patches that compete with each other, as they are now."""
        pools = {}
        for table, rows in self._tables.items():
            running = self._runners[rows[self._runners["row"]]]
            for label in np.unique(running["label"]).tolist():
                pools[Pool(table, self._records.labels[label])] = running[running["label"] == label]
        return pools

    def _labels_of_pictures(self) -> NDArray[np.int64]:
        """Under how many labels patches of each picture run, int64, (records,)."""
        pairs = np.unique(self._runners[["row", "label"]])
        return np.bincount(pairs["row"], minlength=len(self._records))

    def _found(self, maps: TypicalityMaps, row: int, record: ImageRecord) -> Iterator[Runner]:
        selector, opener = self._work.components.patches, self._work.opener()
        pixels = cache(lambda: opener(record).pixels)
        for label, role in maps.roles(record.image_id).items():
            if role != "other":
                typicality, place = maps.load(record.image_id, label), self._records.labels.index(label)
                for one in selector.select(typicality, record, pixels, stride=maps.stride, seed=self._work.seed):
                    yield Runner(row, place, -one.priority, _error(one), role == "own")


def moderated(errors: NDArray[np.float64], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each error averaged with that of all patches of as many draws: from few draws, an error is itself uncertain.

    Args:
        errors: standard errors, (patches,).
        draws: behind each.
    """
    squares, means = errors**2, np.empty_like(errors)
    for count in np.unique(draws):
        means[draws == count] = squares[draws == count].mean()
    averaged: NDArray[np.float64] = np.sqrt((squares + means) / 2)
    return averaged


def _error(one: Candidate) -> float:
    """The standard error of what patches are ordered by: of priority, which may weigh a patch by its size."""
    weight = abs(one.priority / one.typicality) if one.typicality else 1.0
    return weight * (one.stderr or 0.0)
