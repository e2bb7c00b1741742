"""Before against after: means over pictures and paired differences with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffmine.errors import DataError
from diffmine.numerics.bootstrap import mean_interval
from diffmine_localize.findings import Located

ALL = "all findings"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is told of a picture.

    Attributes:
        name: of the attribute of :class:`Located`.
        title: for people.
        chance: the attribute that holds what a picture-blind guess reaches; None where that is not defined.
        times, digits: what figures are multiplied by for people, and how many digits they have then.
    """

    name: str
    title: str
    chance: str | None = None
    times: int = 1
    digits: int = 3


MEASURES = (
    Measure("paper_auc_pr", "paper's AUC-PR", "paper_auc_pr_chance"),
    Measure("average_precision", "average precision", "share"),
    Measure("inside", "mean T inside", times=1000, digits=2),
    Measure("outside", "mean T outside", times=1000, digits=2),
    Measure("iou", "mIoU", "mask_share"),
    Measure("hit", "hit rate", "mask_share"),
)
"""Chance of mIoU is what taking the whole picture gives, which a threshold on a map need not reach."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of one finding, before and after.

    Attributes:
        finding: or :data:`ALL`, over pictures with each of their findings.
        measure: which.
        pictures: how many.
        before, after: means over the pictures.
        difference: of the means, which is the mean of the pictures' differences.
        low, high: its 95 % bootstrap interval over pictures; None where all differ by the same, as a single one does.
        chance: what a picture-blind guess reaches, for the run after; None where that is not defined.
    """

    finding: str
    measure: str
    pictures: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    chance: float | None


Pairs = Sequence[tuple[Located, Located]]


def paired(before: Sequence[Located], after: Sequence[Located]) -> list[tuple[Located, Located]]:
    """Each picture under each finding, in both runs; by finding and path.

    Raises:
        DataError: a run has measured nothing, or they have not measured the same pictures.
    """
    for name, rows in (("before", before), ("after", after)):
        if not rows:
            raise DataError(
                f"the run {name} has no picture with boxes or masks of its labels that figures can be told of; hold "
                "them out: dataset.holdout = 'annotated'"
            )
    earlier = {row.key: row for row in before}
    if set(earlier) != {row.key for row in after}:
        raise DataError(
            f"the runs are about different pictures: {len(earlier)} before and {len(after)} after, of which "
            f"{sum(row.key in earlier for row in after)} are the same; compare runs of one recipe over the same data"
        )
    return [(earlier[row.key], row) for row in after]


def compared(pairs: Pairs) -> list[Compared]:
    """Every measure of every finding, and of all findings at the end; what no picture has is left out."""
    findings = [*dict.fromkeys(after.finding for _, after in pairs), ALL]
    chosen = {name: [pair for pair in pairs if name in (pair[1].finding, ALL)] for name in findings}
    found = (_compared(name, measure, chosen[name]) for name in findings for measure in MEASURES)
    return [one for one in found if one is not None]


def _compared(finding: str, measure: Measure, pairs: Pairs) -> Compared | None:
    values = np.array([[getattr(one, measure.name) for one in pair] for pair in pairs]).reshape(-1, 2)
    known = np.isfinite(values).all(axis=1)
    if not known.any():
        return None
    kept = [pair for pair, keep in zip(pairs, known, strict=True) if keep]
    before, after = values[known].T
    gained = after - before
    interval = mean_interval(gained, [one.image_id for one, _ in kept], "localize", finding) if np.ptp(gained) else None
    return Compared(
        finding,
        measure.name,
        pictures=len({one.image_id for one, _ in kept}),
        before=float(before.mean()),
        after=float(after.mean()),
        difference=float(gained.mean()),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        chance=_mean([getattr(after, measure.chance) for _, after in kept]) if measure.chance else None,
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
