"""Stage ``report``: files that people look at."""

from __future__ import annotations

from diffmine.engine.opening import load_run
from diffmine.engine.reporting import write_reports
from diffmine.engine.work import PUBLIC, Stage, Work


def run(work: Work) -> None:
    """Write the files of every report."""
    finished = load_run(work.run_folder)
    folder = work.folder / PUBLIC
    folder.mkdir(exist_ok=True)
    work.progress.start(len(work.components.report), "reports")
    for _ in write_reports(work.components.report, finished, folder, work.workspace):
        work.progress.advance()


STAGE = Stage("report", 1, ("report",), ("images", "finetune", "typicality", "patches", "clusters", "metrics"), run)
