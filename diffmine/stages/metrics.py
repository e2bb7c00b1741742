"""Stage ``metrics``: figures that judge the run."""

from __future__ import annotations

from dataclasses import asdict

from diffmine.analysis.diagnosis import findings
from diffmine.engine.opening import load_run
from diffmine.engine.work import Stage, Work
from diffmine.runs.run import FLAGS_FILE


def run(work: Work) -> None:
    """Write ``metrics.json`` and ``flags.json``, and warn of what looks wrong."""
    finished = load_run(work.run_folder)
    values: dict[str, object] = {}
    work.progress.start(len(work.components.metrics), "metrics")
    for metric in work.components.metrics:
        values.update({name: asdict(value) for name, value in metric.compute(finished).items()})
        work.progress.advance()
    found = findings(finished)
    for finding in found:
        work.progress.warn(finding.sentence)
    work.write_json(work.public("metrics.json"), values)
    work.write_json(work.public(FLAGS_FILE), [asdict(finding.flag) for finding in found if finding.flag])


STAGE = Stage(
    "metrics", 3, ("metrics", "dataset"), ("images", "finetune", "typicality", "patches", "features", "clusters"), run
)
