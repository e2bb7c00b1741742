"""Labels none of whose patches are more typical than those selected under wrong labels, or of which nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.checks.advice import learn_more, measure_better
from diffmine.interfaces import Check
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.standing import Standing
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class NothingAboveChance(Check):
    """Labels none of whose patches are more typical than those selected under wrong labels, or nobody can tell."""

    name = "nothing_above_chance"
    version = 3

    def check(self, run: Run) -> Sequence[Finding]:
        tested = [one for one in run.contents.standings.values() if one.tested and not one.typical]
        return [*_silent(run, tested), *_undecided(tested)]


def _silent(run: Run, tested: Sequence[Standing]) -> Iterator[Finding]:
    silent = [f"{one.label!r} (q = {one.best_q:.2g} at best)" for one in tested if one.decidable and not one.above]
    if silent:
        advice = ", ".join([learn_more(run), *measure_better(run)])
        yield Finding(
            f"nothing typical stands out for {', '.join(silent)}: patches selected under wrong labels are about as "
            f"typical (q = {FALSE_DISCOVERIES} or less is asked for); {advice}, or look at the labels"
        )


def _undecided(tested: Sequence[Standing]) -> Iterator[Finding]:
    undecided = [one for one in tested if not one.decidable]
    if undecided:
        said = ", ".join(f"{one.label!r} ({one.cannot_tell.removeprefix('cannot tell, ')})" for one in undecided)
        yield Finding(
            f"cannot tell whether anything stands out for {said}: too few patches were selected under wrong labels for "
            f"a q-value of {FALSE_DISCOVERIES}; raise scorer.null_labels, or take more pictures"
        )
