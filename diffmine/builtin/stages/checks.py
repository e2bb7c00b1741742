"""Stage ``checks``: what a person should be warned of."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from diffmine.interfaces import Stage, Work
from diffmine.runs.run import FLAGS_FILE
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Checks(Stage):
    """What a person should be warned of."""

    name = "checks"
    version = 2
    always = True
    concludes = True

    def tables(self, components: Components) -> tuple[str, ...]:
        asked = ("scorer", "model", "conditioning") if components.needs_model else ()
        return ("checks", "dataset", *asked)

    def run(self, work: Work) -> None:
        """Warn of what looks wrong, and write ``flags.json``, the warnings and notes about single clusters."""
        finished = work.run
        found: list[Finding] = []
        work.progress.start(len(work.components.checks), "checks")
        for check in work.components.checks:
            found += check.check(finished)
            work.progress.advance()
        for finding in found:
            if finding.flag is None or finding.flag.severity == "warning":
                work.progress.warn(finding.sentence)
        work.write_json(work.public(FLAGS_FILE), [asdict(finding.flag) for finding in found if finding.flag])
