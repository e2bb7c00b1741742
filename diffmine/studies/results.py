"""What a study measured: a row a run, and a summary over seeds with the best of each metric."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from diffmine.studies.entries import Choice, Entry, Figure

Mark = Literal["best", "even", "behind", "none"]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One variant at one grid point, over its seeds.

    Attributes:
        choice: the variant and grid point.
        runs: finished runs.
        failed: failed runs.
        figures: metric -> the run's own figure and interval, or over several seeds their mean with Student's interval.
    """

    choice: Choice
    runs: int
    failed: int
    figures: dict[str, Figure]


class Results:
    """The runs of a study, or runs made apart, side by side.

    Attributes:
        name, description: of the study.
        entries: the runs.
    """

    def __init__(self, name: str, entries: Sequence[Entry], description: str = "") -> None:
        self.name, self.entries, self.description = name, tuple(entries), description

    @cached_property
    def keys(self) -> list[str]:
        """Dotted keys of the grid."""
        return list(self.entries[0].settings) if self.entries else []

    @cached_property
    def metrics(self) -> list[str]:
        """Every metric that some run measured."""
        return list(dict.fromkeys(name for entry in self.entries for name in entry.figures()))

    @property
    def failures(self) -> list[Entry]:
        """Runs that failed."""
        return [entry for entry in self.entries if entry.error is not None]

    @cached_property
    def summary(self) -> list[SummaryRow]:
        """One row a variant and grid point."""
        groups: dict[Choice, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.choice, []).append(entry)
        return [_summarise(choice, group, self.metrics) for choice, group in groups.items()]

    def mark(self, row: SummaryRow, metric: str) -> Mark:
        """Whether a row has the highest figure of a metric, or one whose interval reaches into the best one's.

        Figures are counted from their chance where that is known. "none": there is nothing to be best at, as with one
        figure or a control's.
        """
        figures = [_from_chance(one.figures[metric]) for one in self.summary if metric in one.figures]
        own = _from_chance(row.figures[metric])
        best = max(figures, key=lambda figure: figure.value)
        if len(figures) < 2 or metric in self.controls:
            return "none"
        if all(figure.value == best.value for figure in figures):
            return "even"
        if own.value == best.value:
            return "best"
        told_apart = best.low is None or own.high is None or own.high < best.low
        return "behind" if told_apart else "even"

    @cached_property
    def controls(self) -> set[str]:
        """Metrics of control patches: named as another metric, with the selection that they are of."""
        tables = [entry.run.patches for entry in self.entries if entry.figures() and entry.run is not None]
        selections = {selection for table in tables for selection in table["selection"].unique().to_pylist()}
        return {f"{metric}_{selection}" for metric in self.metrics for selection in selections} & set(self.metrics)

    def table(self) -> pa.Table:
        """A row a run: variant, grid values, seed, metrics with bounds, seconds of each stage, error."""
        return pa.table({name: [row.get(name) for row in self._rows] for name in self._columns})

    def to_json(self) -> str:
        """The same rows for machines."""
        return json.dumps({"name": self.name, "runs": self.table().to_pylist()}, indent=1, ensure_ascii=False)

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return [_row(entry) for entry in self.entries]

    @cached_property
    def _columns(self) -> list[str]:
        figures = [f"{name}{bound}" for name in self.metrics for bound in ("", "_low", "_high", "_chance")]
        stages = [name for row in self._rows for name in row if name.startswith("seconds_")]
        return ["variant", *self.keys, "seed", *figures, "seconds", *dict.fromkeys(stages), "run", "error"]


def _from_chance(figure: Figure) -> Figure:
    if figure.chance is None:
        return figure
    low, high = (None if bound is None else bound - figure.chance for bound in (figure.low, figure.high))
    return Figure(figure.value - figure.chance, low, high)


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"variant": entry.variant, **_scalars(entry), "seed": entry.seed}
    for name, figure in entry.figures().items():
        row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        row[f"{name}_chance"] = figure.chance
    row |= {f"seconds_{stage}": seconds for stage, seconds in entry.stage_seconds().items()}
    return row | {"seconds": entry.seconds, "run": str(entry.folder), "error": entry.error}


def _scalars(entry: Entry) -> dict[str, Any]:
    """Grid values as they are where a column can hold them, else as text."""
    texts = dict(zip(entry.settings, entry.choice.settings, strict=True))
    return {
        key: value if isinstance(value, (int, float)) and not isinstance(value, bool) else texts[key]
        for key, value in entry.settings.items()
    }


def _summarise(choice: Choice, group: Sequence[Entry], metrics: Sequence[str]) -> SummaryRow:
    measured = [entry.figures() for entry in group]
    figures = {}
    for metric in metrics:
        if found := [one[metric] for one in measured if metric in one]:
            figures[metric] = found[0] if len(found) == 1 else mean_figure(found)
    failed = sum(entry.error is not None for entry in group)
    return SummaryRow(choice, len(group) - failed, failed, figures)


def mean_figure(figures: Sequence[Figure]) -> Figure:
    """Mean over seeds with Student's 95 % interval: what another seed's mean may be, pictures redrawn and all."""
    from scipy import stats

    values = np.array([figure.value for figure in figures])
    chances = [figure.chance for figure in figures if figure.chance is not None]
    reach = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    mean = float(values.mean())
    return Figure(mean, mean - reach, mean + reach, float(np.mean(chances)) if chances else None)
