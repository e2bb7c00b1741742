"""Stage ``report``: files that people look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine.interfaces import Stage, Work
from diffmine.runs.report_files import write_reports

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Report(Stage):
    """Files that people look at."""

    name = "report"
    version = 1
    always = True
    concludes = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("report",)

    def run(self, work: Work) -> None:
        """Write the files of every report."""
        finished = work.run
        folder = work.public(".")
        folder.mkdir(exist_ok=True)
        work.progress.start(len(work.components.report), "reports")
        for _ in write_reports(work.components.report, finished, folder, work.workspace):
            work.progress.advance()
