"""Metrics and reports: what reads a run and says something about it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from diffmine.interfaces import checks
from diffmine.interfaces.boundary import returns
from diffmine.interfaces.component import Component
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from rich.console import Console

    from diffmine.runs.run import Run


class Metric(Component):
    """One name in a recipe's ``[metrics]``.

    Class attributes:
        reads: the stages that alone decide its figures, where it is not all: ``("images", "typicality")`` of one that
            looks at maps. It is then given a run that shows no others, and it is not measured again when only others
            change, such as clusters. Not for metrics that use the model. None: all earlier stages.
    """

    reads: ClassVar[tuple[str, ...] | None] = None

    @abstractmethod
    @returns(checks.metric_values)
    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        """Measure a run whose clusters are done.

        Returns:
            the figures by name; empty where the run has not what the metric needs (masks, held-out images).
        """


class Report(Component):
    """One name in a recipe's ``[report]``. Reads a finished run; never needs torch."""

    def write(self, run: Run, folder: Path) -> None:
        """Write files; they are published at the same places in the run folder. Default: none."""

    def show(self, run: Run, console: Console) -> None:
        """Print to the terminal at the end of a run. Default: nothing."""
