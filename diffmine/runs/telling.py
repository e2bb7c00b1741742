"""Whether a run tells its labels apart on pictures that the model has not learned from, by what it has measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FIGURES = {
    "label_auc": "the best patch under a picture's own label beats that under a wrong one",
    "label_margin_accuracy": "a picture as a whole is more typical of its own label than of a wrong one",
    "classifier_accuracy": "the model names the label of a picture",
}
"""Figures that say it, the first that a run has; and what each counts, in words."""
TOLD_WELL = 0.4
"""How far from chance to a full score the figure must come for more than "a little"; 0.4 is an AUC of 0.7."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Whether labels are told apart.

    Attributes:
        verdict: ``yes``; ``a little``: surely more than chance, but not by much; ``no``: perhaps not more than chance;
            ``unknown``: not measured.
        figure: what was measured, as in ``metrics.json``; None where nothing was.
        how: in words; where nothing was measured, why.
        name: of the figure; empty where there is none.
    """

    verdict: Literal["yes", "a little", "no", "unknown"]
    figure: Mapping[str, Any] | None
    how: str
    name: str = ""

    @property
    def briefly(self) -> str:
        """The figure with its interval and chance, in few words; empty where there is none."""
        if self.figure is None:
            return ""
        value, low, high, chance = (self.figure[key] for key in ("value", "low", "high", "chance"))
        return f"{self.name} {value:.2f} (interval {low:.2f} to {high:.2f}; chance {chance:.2f})"

    @property
    def told(self) -> bool:
        """Whether they are, surely."""
        return self.verdict in ("yes", "a little")


def telling(run: Run) -> Telling:
    """Whether a run tells its labels apart."""
    metrics = run.metrics if "metrics" in run.info["stages"] else {}
    for name, counted in FIGURES.items():
        figure = metrics.get(name)
        if figure and figure["low"] is not None and figure["chance"] is not None:
            return Telling(_verdict(figure), figure, _in_words(figure, counted), name)
    unseen = run.all_records.evaluated.any()
    return Telling("unknown", None, "" if unseen else "no picture was kept from the model to measure it on")


def _verdict(figure: Mapping[str, Any]) -> Literal["yes", "a little", "no"]:
    value, low, chance = figure["value"], figure["low"], figure["chance"]
    if low <= chance:
        return "no"
    return "yes" if value - chance >= TOLD_WELL * (1 - chance) else "a little"


def _in_words(figure: Mapping[str, Any], counted: str) -> str:
    bounds = f"95 % interval {100 * figure['low']:.0f} to {100 * figure['high']:.0f} %"
    return (
        f"in {figure['count']:,} pictures that the model has not learned from, {counted} {100 * figure['value']:.0f} % "
        f"of the time ({bounds}; chance {100 * figure['chance']:.0f} %)"
    )
