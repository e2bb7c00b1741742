"""The runs of a study or a comparison, finished or failed, with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from diffmine.errors import ArtifactError
from diffmine.runs.run import Run
from diffmine.store.artifacts import Artifact
from diffmine.studies.points import text_of
from diffmine.types import OUTLIER, Better


class Choice(NamedTuple):
    """What distinguishes runs beside the seed: the variant, and the grid values as text."""

    variant: str
    settings: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.variant, *self.settings))


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure with its interval.

    Attributes:
        value: the figure.
        low, high: bounds of its 95 % interval, where there is one.
        chance: what a picture-blind guess reaches, where that is defined.
        better: which figures are better.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    better: Better = "higher"

    def gain(self) -> Figure:
        """The figure and its bounds counted from chance, where that is known, and turned so that higher is better."""
        sign, origin = (-1.0 if self.better == "lower" else 1.0), self.chance or 0.0
        low, high = (None if bound is None else sign * (bound - origin) for bound in (self.low, self.high))
        bounds = (high, low) if sign < 0 else (low, high)
        return Figure(sign * (self.value - origin), *bounds)


class Clustering(NamedTuple):
    """How much a run's clusters hold: a figure of merit over few patches is easily high.

    Attributes:
        clusters: their number, over all labels.
        outliers: share of the selected patches that are in none, in [0, 1].
    """

    clusters: float
    outliers: float

    def texts(self) -> dict[str, str]:
        """For people."""
        return {
            "clusters": f"{self.clusters:.3g}" if self.clusters < 100 else f"{self.clusters:,.0f}",
            "outliers": f"{self.outliers:.0%}",
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One run.

    Attributes:
        variant: name of the variant.
        settings: dotted key -> grid value.
        seed: of the run.
        folder: the run folder.
        run: the run; None where it failed.
        seconds: wall time in the study; None for runs made apart.
        error: why it failed.
    """

    variant: str
    settings: Mapping[str, Any]
    seed: int
    folder: Path
    run: Run | None
    seconds: float | None = None
    error: str | None = None

    @property
    def choice(self) -> Choice:
        return Choice(self.variant, tuple(text_of(value) for value in self.settings.values()))

    def figures(self) -> dict[str, Figure]:
        """Metric -> what the run measured."""
        if self.run is None or "metrics" not in self.run.info["stages"]:
            return {}
        return {
            name: Figure(
                metric["value"], metric["low"], metric["high"], metric["chance"], metric.get("better", "higher")
            )
            for name, metric in self.run.metrics.items()
        }

    def clustering(self) -> Clustering | None:
        """How much the run's clusters hold; None where nothing was clustered."""
        if self.run is None or "clusters" not in self.run.info["stages"]:
            return None
        sides = [label.cluster for label in self.run.contents.own.values()]
        patches, outliers = sum(len(ids) for ids in sides), sum(int((ids == OUTLIER).sum()) for ids in sides)
        contents = self.run.contents
        clusters = sum(len(contents.clusters(label)) for label in contents.labels)
        return Clustering(clusters, outliers / patches) if patches else None

    def stage_seconds(self) -> dict[str, float]:
        """Stage -> seconds that its artifact took to compute, in whichever run that was."""
        if self.run is None:
            return {}
        return {stage: _computed_in(self.run, stage) for stage in self.run.info["stages"]}


def _computed_in(run: Run, stage: str) -> float:
    entry = run.info["stages"][stage]
    try:
        artifact = Artifact(stage, entry["key"], run.artifact(stage))
        return float(artifact.facts["seconds"])
    except (ArtifactError, OSError):
        return float(entry["seconds"])
