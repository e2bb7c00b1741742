"""What a study measured: a row a run, and a summary over seeds with the best of each metric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from diffmine.studies.entries import Choice, Clustering, Entry, Figure

Mark = Literal["best", "even", "behind", "none"]

STUDY_CAUTION = "one seed: differences may be chance; name seeds in the study file, as in seeds = [1, 2, 3]"
RUNS_CAUTION = "one run of each: differences may be chance; a study with several seeds tells"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One variant at one grid point, over its seeds.

    Attributes:
        choice: the variant and grid point.
        runs: finished runs.
        failed: failed runs.
        figures: metric -> the run's own figure and interval, or over several seeds their mean with Student's interval.
        clustering: how much the clusters hold, mean over seeds; None where nothing was clustered.
    """

    choice: Choice
    runs: int
    failed: int
    figures: dict[str, Figure]
    clustering: Clustering | None


class Results:
    """The runs of a study, or runs made apart, side by side.

    Attributes:
        name, description: of the study.
        entries: the runs.
        study: the content of the study file; None for runs that were made apart.
        overrides: settings such as ``dataset.per_label=20`` that went over every recipe of the study.
    """

    def __init__(
        self,
        name: str,
        entries: Sequence[Entry],
        description: str = "",
        study: Mapping[str, Any] | None = None,
        overrides: Sequence[str] = (),
    ) -> None:
        self.name, self.entries, self.description = name, tuple(entries), description
        self.study, self.overrides = study, tuple(overrides)

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
        """Whether a row has the best figure of a metric, or one whose interval reaches into the best one's.

        Figures are counted from their chance where that is known. "none": there is nothing to be best at, as with one
        figure, or where the metric says that neither higher nor lower is better.
        """
        figures = [one.figures[metric].gain() for one in self.summary if metric in one.figures]
        own = row.figures[metric].gain()
        best = max(figures, key=lambda figure: figure.value)
        if len(figures) < 2 or row.figures[metric].better == "none":
            return "none"
        if all(figure.value == best.value for figure in figures):
            return "even"
        if own.value == best.value:
            return "best"
        told_apart = best.low is None or own.high is None or own.high < best.low
        return "behind" if told_apart else "even"

    def legend(self, best: str, even: str = "≈") -> str:
        """One line on what the signs of a table say.

        Args:
            best: how the best figure is marked.
            even: the sign of those that cannot be told from it.
        """
        lower = [name.replace("_", " ") for name in self.metrics if self._better(name) == "lower"]
        remark = f"; of {', '.join(lower)} the lowest" if lower else ""
        return f"{best} best, counted from chance where known{remark}; {even} its 95 % interval reaches the best's"

    @property
    def caution(self) -> str | None:
        """What to be told before believing a difference; None where every finished choice was repeated."""
        finished = [row.runs for row in self.summary if row.runs]
        if len(finished) < 2 or min(finished) > 1:
            return None
        return RUNS_CAUTION if self.study is None else STUDY_CAUTION

    def _better(self, metric: str) -> str:
        return next(row.figures[metric].better for row in self.summary if metric in row.figures)

    def table(self) -> pa.Table:
        """A row a run: variant, grid values, seed, clusters, share of outliers, metrics, seconds of stages, error."""
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
        own = ["variant", *self.keys, "seed", *Clustering._fields]
        return [*own, *figures, "seconds", *dict.fromkeys(stages), "run", "error"]


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"variant": entry.variant, **_scalars(entry), "seed": entry.seed}
    if clustering := entry.clustering():
        row |= clustering._asdict()
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
    held = [one for entry in group if (one := entry.clustering())]
    clustering = Clustering(*(float(mean) for mean in np.mean(held, axis=0))) if held else None
    return SummaryRow(choice, len(group) - failed, failed, figures, clustering)


def mean_figure(figures: Sequence[Figure]) -> Figure:
    """Mean over seeds with Student's 95 % interval: what another seed's mean may be, pictures redrawn and all."""
    from scipy import stats

    values = np.array([figure.value for figure in figures])
    chances = [figure.chance for figure in figures if figure.chance is not None]
    reach = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    mean = float(values.mean())
    return Figure(mean, mean - reach, mean + reach, float(np.mean(chances)) if chances else None, figures[0].better)
