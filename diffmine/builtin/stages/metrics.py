"""Stage ``metrics``: figures that judge the run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from diffmine.interfaces import Stage, Work

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Metrics(Stage):
    """Figures that judge the run."""

    name = "metrics"
    version = 4
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("metrics", "dataset")

    def reads(self, components: Components) -> tuple[str, ...]:
        trained = ("finetune",) if components.needs_model else ()
        return ("images", *trained, "typicality", "patches", "features", "clusters")

    def run(self, work: Work) -> None:
        """Write ``metrics.json``."""
        finished = work.run
        values: dict[str, object] = {}
        work.progress.start(len(work.components.metrics), "metrics")
        for metric in work.components.metrics:
            values.update({name: asdict(value) for name, value in metric.compute(finished).items()})
            work.progress.advance()
        work.write_json(work.public("metrics.json"), values)
