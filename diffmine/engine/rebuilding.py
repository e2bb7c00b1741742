"""Making the reports of a finished run again, without running anything else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import cast

from diffmine.engine.reporting import write_reports
from diffmine.interfaces import Report
from diffmine.plugins.kinds import KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import build_table
from diffmine.runs.run import Run


def rebuild(run: Run) -> list[Path]:
    """Write the files of the run's reports anew; each file or folder is exchanged by a rename.

    Only the recipe's ``[report]`` is configured, so that a run whose other components are not installed any more can
    still be reported.

    Returns:
        what was written, files and folders at the top of the run folder.
    """
    draft = run.path / f".reports.{os.getpid()}.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    folder, workspace = draft / "files", draft / "workspace"
    folder.mkdir(parents=True)
    workspace.mkdir()
    try:
        reports = cast(tuple[Report, ...], build_table(KIND_OF_TABLE["report"], run.recipe, registry()))
        for _ in write_reports(reports, run, folder, workspace):
            pass
        return [_exchange(path, run.path / path.name) for path in sorted(folder.iterdir())]
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _exchange(source: Path, target: Path) -> Path:
    if target.is_dir():
        old = source.with_name(f".{target.name}.old")
        target.rename(old)
    source.rename(target)
    return target
