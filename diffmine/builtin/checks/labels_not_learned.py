"""Held-out images are not more typical of their own label than of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.checks.advice import learn_more
from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
from diffmine.interfaces import Check
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class LabelsNotLearned(Check):
    """Held-out images are not more typical of their own label than of another one."""

    name = "labels_not_learned"

    def check(self, run: Run) -> Sequence[Finding]:
        figure = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(run).get("label_margin_accuracy")
        if figure is None or figure.low is None or figure.low > 0.5:
            return []
        return [
            Finding(
                f"nothing shows that the labels were learned: {figure.value:.0%} of {figure.count} held-out "
                f"images are more typical of their own label than of another one, which may be chance (50%; interval "
                f"{figure.low:.0%} to {figure.high:.0%}); {learn_more(run)}, hold out more images, or look at "
                "the labels"
            )
        ]
