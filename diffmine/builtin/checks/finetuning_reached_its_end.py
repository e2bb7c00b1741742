"""The gap between null and conditional validation loss stopped growing early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.interfaces import Check
from diffmine.runs.validation_gaps import validation_gaps
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run

LEAST_VALIDATIONS = 4
EARLY = 0.6
REACHED = 0.95


class FinetuningReachedItsEnd(Check):
    """The gap between null and conditional validation loss stopped growing early."""

    name = "finetuning_reached_its_end"

    def check(self, run: Run) -> Sequence[Finding]:
        found = validation_gaps(run)
        if len(found.gaps) < LEAST_VALIDATIONS:
            return []
        if found.gaps.max() <= 0:
            return [
                Finding(
                    "finetuning taught the model nothing about the labels: the validation loss is never lower with the "
                    "label than without; finetune for more steps, or look at the labels"
                )
            ]
        step, last = found.reached(REACHED), int(found.steps[-1])
        if step > EARLY * last:
            return []
        return [
            Finding(
                f"finetuning gained nothing after step {step} of {last}: the gap between the validation losses without "
                f"and with the label stayed within {1 - REACHED:.0%} of its best; finetune.steps = {step} would "
                "have done"
            )
        ]
