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
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None


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
            name: Figure(metric["value"], metric["low"], metric["high"], metric["chance"])
            for name, metric in self.run.metrics.items()
        }

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
