"""Stage ``metrics``: figures that judge the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

from diffmine.errors import ContractError
from diffmine.interfaces import Metric, Stage, Work
from diffmine.interfaces.boundary import blaming
from diffmine.types import MetricValue

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components
    from diffmine.runs.run import Run


class Metrics(Stage):
    """Figures that judge the run."""

    name = "metrics"
    version = 5
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        asked = any(metric.needs_model for metric in components.metrics)
        model = ("scorer", "model", "conditioning") if asked else ()
        # Metrics select and cluster anew, as the run did: in pictures that were not mined, and random patches.
        return ("metrics", "dataset", "patches", "projection", "clusterer", *model)

    def reads(self, components: Components) -> tuple[str, ...]:
        trained = ("finetune",) if components.needs_model else ()
        return ("images", *trained, "typicality", "patches", "features", "clusters")

    def run(self, work: Work) -> None:
        """Write ``metrics.json``."""
        finished, of_stages = work.run, cache(work.run_of)
        values: dict[str, MetricValue] = {}
        measured_by: dict[str, Metric] = {}
        work.progress.start(len(work.components.metrics), "metrics")
        for metric in work.components.metrics:
            found = metric.compute(finished) if metric.reads is None else remembered(work, metric, of_stages)
            with blaming(metric):
                _refuse_overwriting(found, metric, measured_by)
            values.update(found)
            measured_by.update(dict.fromkeys(found, metric))
            work.progress.advance()
        work.write_json(work.public("metrics.json"), {name: asdict(value) for name, value in values.items()})


def remembered(work: Work, metric: Metric, of_stages: Callable[[tuple[str, ...]], Run]) -> dict[str, MetricValue]:
    """The figures of a metric that some stages alone decide; measured where that was not done for an earlier run.

    Args:
        of_stages: opens the run with the results of these stages.
    """
    stages = metric.reads or ()
    tables = ("dataset", "patches", "scorer")
    components = [part.identity() for table in tables for part in work.components.of_table(table)]
    decided_by = {"stage": Metrics.version, "metric": metric.identity(), "components": components}

    def figures() -> dict[str, object]:
        return {name: asdict(value) for name, value in metric.compute(of_stages(stages)).items()}

    return {name: MetricValue(**value) for name, value in work.remembered(decided_by, stages, figures).items()}


def _refuse_overwriting(names: Iterable[str], metric: Metric, measured_by: Mapping[str, Metric]) -> None:
    for name in names:
        if name in measured_by:
            raise ContractError(
                f"it returned the figure {name!r}, which the metric {measured_by[name].name!r} has measured already; "
                "leave one of the two out of [metrics] use, or rename its figure"
            )
