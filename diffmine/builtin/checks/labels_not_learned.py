"""Held-out images are not more typical of their own label than of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.checks.advice import learn_more
from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
from diffmine.interfaces import Check
from diffmine.runs.telling import telling
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class LabelsNotLearned(Check):
    """Held-out images are not more typical of their own label than of another one.

    By what the run's answer goes by, where that was measured (``label_auc``); else by the mean over whole pictures.
    """

    name = "labels_not_learned"
    version = 2

    def check(self, run: Run) -> Sequence[Finding]:
        told = telling(run)
        how = _by_whole_pictures(run) if told.verdict == "unknown" else told.briefly if told.verdict == "no" else None
        if how is None:
            return []
        advice = f"{learn_more(run)}, hold out more images, or look at the labels"
        return [Finding(f"nothing shows that the labels were learned: {how}; {advice}")]


def _by_whole_pictures(run: Run) -> str | None:
    """What shows that nothing was learned, where no metric of the run tells; None where something was."""
    figure = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(run).get("label_margin_accuracy")
    if figure is None or figure.low is None or figure.low > 0.5:
        return None
    return (
        f"{figure.value:.0%} of {figure.count} held-out images are more typical of their own label than of another "
        f"one, which may be chance (50%; interval {figure.low:.0%} to {figure.high:.0%})"
    )
