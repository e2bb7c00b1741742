"""Stage ``metrics``: figures that judge the run."""

from __future__ import annotations

from dataclasses import asdict

from diffmine.analysis.diagnosis import diagnose
from diffmine.run_folder import load_run
from diffmine.stages.work import Stage, Work


def run(work: Work) -> None:
    """Write ``metrics.json``, and warn of what looks wrong."""
    finished = load_run(work.run_folder)
    values: dict[str, object] = {}
    work.progress.start(len(work.components.metrics), "metrics")
    for metric in work.components.metrics:
        values.update({name: asdict(value) for name, value in metric.compute(finished).items()})
        work.progress.advance()
    for sentence in diagnose(finished):
        work.progress.warn(sentence)
    work.write_json(work.public("metrics.json"), values)


STAGE = Stage(
    "metrics", 2, ("metrics", "dataset"), ("images", "finetune", "typicality", "patches", "features", "clusters"), run
)
