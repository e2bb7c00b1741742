"""Stage ``metrics``: figures that judge the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from diffmine.analysis.diagnosis import findings
from diffmine.engine.opening import load_run
from diffmine.engine.work import Stage, Work
from diffmine.errors import ContractError
from diffmine.interfaces import Metric
from diffmine.interfaces.boundary import blaming
from diffmine.runs.run import FLAGS_FILE
from diffmine.types import MetricValue


def run(work: Work) -> None:
    """Write ``metrics.json`` and ``flags.json``, and warn of what looks wrong."""
    finished = load_run(work.run_folder)
    values: dict[str, MetricValue] = {}
    measured_by: dict[str, Metric] = {}
    work.progress.start(len(work.components.metrics), "metrics")
    for metric in work.components.metrics:
        found = metric.compute(finished)
        with blaming(metric):
            _refuse_overwriting(found, metric, measured_by)
        values.update(found)
        measured_by.update(dict.fromkeys(found, metric))
        work.progress.advance()
    doubts = findings(finished)
    for finding in doubts:
        work.progress.warn(finding.sentence)
    work.write_json(work.public("metrics.json"), {name: asdict(value) for name, value in values.items()})
    work.write_json(work.public(FLAGS_FILE), [asdict(finding.flag) for finding in doubts if finding.flag])


def _refuse_overwriting(names: Iterable[str], metric: Metric, measured_by: Mapping[str, Metric]) -> None:
    for name in names:
        if name in measured_by:
            raise ContractError(
                f"it returned the figure {name!r}, which the metric {measured_by[name].name!r} has measured already; "
                "leave one of the two out of [metrics] use, or rename its figure"
            )


STAGE = Stage(
    "metrics", 3, ("metrics", "dataset"), ("images", "finetune", "typicality", "patches", "features", "clusters"), run
)
