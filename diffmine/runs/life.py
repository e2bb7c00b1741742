"""The life of elements: clusters over all labels at once, and how their share changes along the labels' axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.contents import Rows

if TYPE_CHECKING:
    from diffmine.runs.run import Run

ELEMENTS_FILE, LIFE_FILE, MEMBERS_FILE = "elements.parquet", "life.parquet", "patch_elements.parquet"
STAGE = "life"
Course = Literal["rises", "falls", "comes and goes", "cannot tell"]
MOSTLY = 0.5
"""Where a straight line explains at least this part of how a share differs between labels, it rises or falls."""


@dataclass(frozen=True, slots=True)
class Step:
    """An element under one label.

    Attributes:
        label: the label.
        facts: its row of ``life.parquet``, see :data:`diffmine.runs.tables.LIFE`.
        rows: rows of ``Run.patches``: its members under the label, the most typical first, of each picture the best;
            then the others of these pictures.
    """

    label: str
    facts: Mapping[str, Any]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Element:
    """A cluster over all labels.

    Attributes:
        number: from 0, the most typical first.
        facts: its row of ``elements.parquet``, see :data:`diffmine.runs.tables.ELEMENTS`.
        steps: one a label that has mined pictures, along the axis.
        rows: rows of ``Run.patches``: all its members, the most central first.
    """

    number: int
    facts: Mapping[str, Any]
    steps: tuple[Step, ...]
    rows: Rows

    @property
    def shares(self) -> list[float]:
        """The share of each label's mined pictures in which it was found."""
        return [step.facts["share"] for step in self.steps]

    @property
    def course(self) -> Course:
        """What its share does along the axis, at a false discovery rate of ``FALSE_DISCOVERIES`` over all elements.

        Where members were tested and under no label any of them stands above chance, nothing can be told: which patches
        were chosen followed from the labels, and so may their shares.
        """
        facts = self.facts
        if not self.differs or self.is_chance:
            return "cannot tell"
        if facts["linear"] < MOSTLY:
            return "comes and goes"
        return "rises" if facts["trend_z"] > 0 else "falls"

    @property
    def differs(self) -> bool:
        """Whether its share differs between labels, whatever its members are."""
        return bool(self.facts["q_value"] <= FALSE_DISCOVERIES)

    @property
    def is_chance(self) -> bool:
        """Whether members were tested, and under no label any of them stands above chance."""
        tested = [step.facts["at_least"] for step in self.steps if step.facts["at_least"] is not None]
        return bool(tested) and not any(tested)

    @property
    def peak(self) -> Step:
        """Where its share is the highest; of several the first."""
        return max(self.steps, key=lambda step: step.facts["share"])


@dataclass(frozen=True, slots=True)
class Life:
    """The elements of a run; ``Run.life``.

    Attributes:
        labels: those that have mined pictures, along the axis.
        elements: by number.
    """

    labels: tuple[str, ...]
    elements: tuple[Element, ...]

    @property
    def by_change(self) -> list[Element]:
        """Elements whose course can be told first; then by how far their share differs between labels."""

        def key(one: Element) -> tuple[bool, float, int]:
            return one.course == "cannot tell", min(one.shares) - max(one.shares), one.number

        return sorted(self.elements, key=key)


def life_of(elements: pa.Table, life: pa.Table, members: pa.Table, run: Run) -> Life:
    """The life of a run's elements, from their tables.

    Args:
        elements: ``elements.parquet``.
        life: ``life.parquet``.
        members: ``patch_elements.parquet``, row for row as ``run.patches``.
    """
    element = np.asarray(pc.fill_null(members["element"], -1), dtype=np.int64)
    distance = np.asarray(pc.fill_null(members["element_distance"], np.inf), dtype=np.float64)
    typicality, label = run.contents.column("typicality"), run.contents.column("label")
    steps = life.to_pylist()
    found = []
    for facts in elements.to_pylist():
        rows = np.flatnonzero(element == facts["element"])
        own = [step for step in steps if step["element"] == facts["element"]]
        found.append(
            Element(
                facts["element"],
                facts,
                tuple(
                    Step(step["label"], step, _best_of_each(run, rows[label[rows] == step["label"]], typicality))
                    for step in own
                ),
                rows[np.lexsort((rows, distance[rows]))],
            )
        )
    labels = tuple(step.label for step in found[0].steps) if found else ()
    return Life(labels, tuple(found))


def _best_of_each(run: Run, rows: Rows, typicality: Sequence[float] | np.ndarray[Any, Any]) -> Rows:
    """Rows by falling typicality, the best of each picture before the others."""
    ordered = sorted(rows.tolist(), key=lambda row: (-typicality[row], row))
    images = dict(zip(ordered, run.contents.image_ids(np.asarray(ordered, dtype=np.int64)), strict=True))
    best = {images[row]: row for row in reversed(ordered)}
    return np.asarray(sorted(ordered, key=lambda row: best[images[row]] != row), dtype=np.int64)
