"""What can be said of a label: how many of its patches stand above chance, that nobody can tell, or why not tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffmine.numerics.significance import FALSE_DISCOVERIES

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be said of the patches of a label that the run's own selector chose.

    Attributes:
        label: the label.
        patches: how many there are.
        tested: how many have a q-value.
        above: how many of these stand above chance.
        best_q: their least q-value; None where none was tested.
        smallest_q: the least q-value that the label's null allows; None where that is not known.
        typical: how many members of its clusters are typical at least: that bound counts pictures, so that it may tell
            what q-values of single patches do not.
    """

    label: str
    patches: int
    tested: int
    above: int
    best_q: float | None
    smallest_q: float | None
    typical: int = 0

    @property
    def by_bound(self) -> bool:
        """Whether the bound alone tells that some of its patches are typical."""
        return self.typical > 0 and not (self.above and self.decidable)

    @property
    def decidable(self) -> bool:
        """Whether the null is large enough for a patch to stand above chance."""
        return self.smallest_q is None or self.smallest_q <= FALSE_DISCOVERIES

    @property
    def told(self) -> bool:
        """Whether it can be said how many of its patches are more than chance."""
        return self.decidable or self.by_bound

    @property
    def cannot_tell(self) -> str:
        """What to say where it is not."""
        return f"cannot tell, at best q = {self.smallest_q:.3g}"


def standings(run: Run) -> dict[str, Standing]:
    """What can be said of each label that has patches."""
    rows = [row for row in run.evidence.to_pylist() if row["table"] == "selected"]
    smallest = {row["label"]: row["smallest_q"] for row in rows}
    bounds: dict[str, float] = {}
    for row in run.clusters.to_pylist():
        bounds[row["label"]] = bounds.get(row["label"], 0.0) + (row.get("at_least") or 0.0) * row["size"]
    contents = run.contents
    known = "q_value" in run.patches.column_names
    found = {}
    for label in contents.labels:
        members = contents.selected(label, run.selection)
        q = contents.column("q_value")[members] if known else np.full(len(members), np.nan)
        tested, above = int(np.sum(~np.isnan(q))), int(np.sum(q <= FALSE_DISCOVERIES))
        best = float(np.nanmin(q)) if tested else None
        typical = round(bounds.get(label, 0.0))
        found[label] = Standing(label, len(members), tested, above, best, smallest.get(label), typical)
    return found
