"""Which pictures get more draws: those of which a patch may still enter or leave its label's best."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffmine.builtin.stages.patches import tables_of
from diffmine.interfaces import Work
from diffmine.numerics.racing import undecided
from diffmine.processes.threads import in_threads
from diffmine.runs.typicality_maps import TypicalityMaps
from diffmine.types import Candidate, ImageRecord

DOUBT = 0.05
"""The chance of being on the wrong side from which a patch is reported as undecided."""


class Pool(NamedTuple):
    """The patches that compete for the places of a label in one table of patches."""

    table: str
    label: str


class Runner(NamedTuple):
    """A patch in the race.

    Attributes:
        image_id: its picture.
        value: what the label's patches are ordered by, higher first.
        error: its standard error.
        own: whether the picture carries the label.
    """

    image_id: str
    value: float
    error: float
    own: bool


@dataclass
class Race:
    """Rounds of draws, after each of which pictures that are decided stay behind.

    Patches of wrong labels compete for the places of a label as those do that carry it, and what decides knows nothing
    of the difference. Where the label means nothing the two are exchangeable before the race and after it, so p-values
    hold; where it means something, wrong labels' patches are far below the border, and cost nothing.

    Attributes:
        work: the stage's.
        records: all pictures that are scored.
        draws: image_id -> the draws that it has had.
    """

    work: Work
    records: Sequence[ImageRecord]
    draws: dict[str, int] = field(default_factory=dict)
    _runners: dict[str, list[tuple[str, Runner]]] = field(default_factory=dict)

    def after(self, maps: TypicalityMaps, draws: int, active: Sequence[ImageRecord]) -> list[ImageRecord]:
        """The pictures that go on.

        Args:
            maps: those of the round that is done.
            draws: that each picture of it has had.
            active: the pictures that were in it.
        """
        found = in_threads(lambda record: self._found(maps, record), active)
        self._runners |= {record.image_id: runners for record, runners in zip(active, found, strict=True)}
        self.draws |= dict.fromkeys((record.image_id for record in active), draws)
        scorer = self.work.components.scorer
        open_pools = self._undecided(draws / scorer.rounds[-1], scorer.risk)
        doubtful = {runner.image_id for runners in open_pools.values() for runner in runners}
        return [record for record in active if record.image_id in doubtful]

    def report(self) -> dict[str, Any]:
        """What the race cost, what it decided, and what it left open, for JSON."""
        scorer, rounds = self.work.components.scorer, self.work.components.scorer.rounds
        labels = {image_id: len({label for label, _ in runners}) for image_id, runners in self._runners.items()}
        reached = Counter(self.draws.values())
        left = self._undecided(1.0, DOUBT)
        return {
            "first": rounds[0],
            "most": rounds[-1],
            "images": {str(draws): reached[draws] for draws in sorted(reached)},
            "mean": sum(self.draws.values()) / max(1, len(self.draws)),
            "passes": sum(self.draws[one] * scorer.passes(labels[one]) // rounds[-1] for one in self.draws),
            "passes_at_most": sum(scorer.passes(labels[one]) for one in self.draws),
            "undecided": {
                table: {pool.label: sum(one.own for one in left[pool]) for pool in left if pool.table == table}
                for table in sorted({pool.table for pool in left})
            },
        }

    def _undecided(self, share: float, risk: float) -> dict[Pool, list[Runner]]:
        """The patches of each pool that may be on the wrong side of the border."""
        keep = self.work.components.patches.config.per_label
        found = {}
        for pool, runners in sorted(self.pools().items()):
            values = np.array([runner.value for runner in runners])
            errors = moderated(
                np.array([runner.error for runner in runners]), [self.draws[one.image_id] for one in runners]
            )
            doubtful = undecided(values, errors, keep, share, risk)
            found[pool] = [runner for runner, is_open in zip(runners, doubtful, strict=True) if is_open]
        return found

    def pools(self) -> dict[Pool, list[Runner]]:
        """The patches that compete with each other, as they are now."""
        pools: dict[Pool, list[Runner]] = defaultdict(list)
        for record in self.records:
            for label, runner in self._runners[record.image_id]:
                for table in tables_of(record):
                    pools[Pool(table, label)].append(runner)
        return pools

    def _found(self, maps: TypicalityMaps, record: ImageRecord) -> list[tuple[str, Runner]]:
        selector, opener = self.work.components.patches, self.work.opener()
        pixels = cache(lambda: opener(record).pixels)
        roles = maps.roles(record.image_id)
        return [
            (label, _runner(one, record, roles[label] == "own"))
            for label in roles
            if roles[label] != "other"
            for one in selector.select(
                maps.load(record.image_id, label), record, pixels, stride=maps.stride, seed=self.work.seed
            )
        ]


def moderated(errors: NDArray[np.float64], draws: Sequence[int]) -> NDArray[np.float64]:
    """Each error averaged with that of all patches of as many draws: from few draws, an error is itself uncertain.

    Args:
        errors: standard errors, (patches,).
        draws: behind each.
    """
    squares, had = errors**2, np.asarray(draws)
    means = {count: squares[had == count].mean() for count in set(draws)}
    averaged: NDArray[np.float64] = np.sqrt((squares + np.array([means[count] for count in draws])) / 2)
    return averaged


def _runner(one: Candidate, record: ImageRecord, own: bool) -> Runner:
    """Patches are ordered by priority, which may weigh a patch by its size."""
    weight = abs(one.priority / one.typicality) if one.typicality else 1.0
    return Runner(record.image_id, -one.priority, weight * (one.stderr or 0.0), own)
