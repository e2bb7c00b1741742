"""View ``life``: elements along the labels' order, as tables of shares and crops."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from diffmine.interfaces import View
from diffmine.runs.life import Element, Step

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST = 24
"""Elements on the page, those that change most, so that it stays light."""
CELLS = 36
"""Crops in a row of cells at about this many labels are one; of fewer labels up to three are shown."""


class LifeView(View):
    """How the share of each element changes along the labels' order, with its most typical crops under each."""

    name = "life"
    title = "Life"

    def data(self, run: Run) -> Any:
        life = run.life
        if life is None or not life.elements:
            return None
        places, depth = _places(run), max(1, min(3, CELLS // len(life.labels)))
        shown = life.by_change[:MOST]
        return {
            "labels": list(life.labels),
            "elements": [_told(one, places, depth) for one in shown],
            "more": len(life.elements) - len(shown),
        }

    def script(self) -> str:
        return files("diffmine.builtin.views").joinpath("life.js").read_text(encoding="utf-8")


def _places(run: Run) -> dict[int, int]:
    """Row of ``Run.patches`` -> the page's number of the patch."""
    from diffmine.builtin.reports.explorer.ordering import Ordering

    return {row: place for place, row in enumerate(Ordering(run.contents).rows.tolist())}


def _told(one: Element, places: dict[int, int], depth: int) -> dict[str, Any]:
    facts = one.facts
    return {
        "number": one.number,
        "course": one.course,
        "size": facts["size"],
        "images": facts["images"],
        "q": facts["q_value"],
        "chance": one.differs and one.is_chance,
        "steps": [_step(step, places, depth) for step in one.steps],
    }


def _step(step: Step, places: dict[int, int], depth: int) -> dict[str, Any]:
    names = ("pictures", "found", "share", "share_low", "share_high", "mean_typicality", "mean_low", "mean_high")
    return {
        **{name: step.facts[name] for name in (*names, "at_least")},
        "patches": [places[row] for row in step.rows[:depth].tolist()],
    }
