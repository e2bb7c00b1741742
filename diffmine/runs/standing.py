"""What can be said of a label: how many of its patches stand above chance, that nobody can tell, or why not tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffmine.numerics.significance import FALSE_DISCOVERIES

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CROSS_FIT = "dataset.folds=2 scores each picture by a model that has not seen it"


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be said of the patches of a label that the run's own selector chose.

    Attributes:
        label: the label.
        patches: how many there are.
        tested: how many have a q-value.
        above: how many of these stand above chance.
        smallest_q: the least q-value that the label's null allows; None where that is not known.
        in_sample: whether all come from pictures that the model has learned from.
    """

    label: str
    patches: int
    tested: int
    above: int
    smallest_q: float | None
    in_sample: bool

    @property
    def decidable(self) -> bool:
        """Whether the null is large enough for a patch to stand above chance."""
        return self.smallest_q is None or self.smallest_q <= FALSE_DISCOVERIES

    @property
    def cannot_tell(self) -> str:
        """What to say where it is not."""
        return f"cannot tell, at best q = {self.smallest_q:.3g}"


def standings(run: Run) -> dict[str, Standing]:
    """What can be said of each label that has patches."""
    rows = [row for row in run.evidence.to_pylist() if row["table"] == "selected"]
    smallest = {row["label"]: row["smallest_q"] for row in rows}
    contents = run.contents
    known = "q_value" in run.patches.column_names
    found = {}
    for label in contents.labels:
        members = contents.selected(label, run.selection)
        q = contents.column("q_value")[members] if known else np.full(len(members), np.nan)
        seen = [run.records[image_id].in_sample for image_id in contents.image_ids(members)]
        tested, above = int(np.sum(~np.isnan(q))), int(np.sum(q <= FALSE_DISCOVERIES))
        found[label] = Standing(label, len(members), tested, above, smallest.get(label), bool(seen) and all(seen))
    return found


def why_untested(run: Run) -> str | None:
    """Why no patch of the run has a p-value, and what to do; None where some have one, or nothing else is known."""
    found = [one for one in standings(run).values() if one.patches]
    if not found or any(one.tested for one in found):
        return None
    if all(one.in_sample for one in found):
        return f"no p-values: the model has learned from these pictures; {CROSS_FIT}"
    return "no p-values: no picture was scored under a label that it does not carry (scorer.null_labels)"
