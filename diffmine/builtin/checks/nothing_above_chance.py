"""Labels none of whose patches are more typical than those selected under wrong labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.checks.advice import learn_more, measure_better
from diffmine.interfaces import Check
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.tables import patches_of
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class NothingAboveChance(Check):
    """Labels none of whose patches are more typical than those selected under wrong labels."""

    name = "nothing_above_chance"

    def check(self, run: Run) -> Sequence[Finding]:
        rows = zip(patches_of(run.patches), run.patches["q_value"].to_pylist(), strict=True)
        best: dict[str, float] = {}
        for patch, q_value in rows:
            if patch.selection == run.selection and q_value is not None:
                best[patch.label] = min(q_value, best.get(patch.label, 1.0))
        silent = [repr(label) for label in sorted(best) if best[label] > FALSE_DISCOVERIES]
        if not silent:
            return []
        advice = ", ".join([learn_more(run), *measure_better(run)])
        return [
            Finding(
                f"nothing typical stands out for {', '.join(silent)}: no patch is more typical than those selected "
                f"under wrong labels (q-value above {FALSE_DISCOVERIES}); {advice}, or look at the labels"
            )
        ]
