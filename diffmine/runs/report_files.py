"""Having reports write their files, each its own and none of the run's."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from diffmine.errors import ContractError
from diffmine.files.names import RUN_FILE
from diffmine.interfaces import Report
from diffmine.interfaces.boundary import blaming
from diffmine.runs.notes import NOTES_FILE
from diffmine.runs.run import RECIPE_FILE, Run

STAGE_NAME = "report"


def write_reports(reports: Iterable[Report], run: Run, folder: Path, workspace: Path) -> Iterator[Report]:
    """Have every report write into ``folder``; yields each when it is done.

    Args:
        folder: receives the files; what lies in it already is kept.
        workspace: an existing folder for what is not complete.
    Raises:
        ContractError: a report writes where the run's own files lie, or a file that another has written.
    """
    owned = _owned(run)
    for number, report in enumerate(reports):
        draft = workspace / f"report-{number}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        report.write(run, draft)
        with blaming(report):
            for name in sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if not path.is_dir()):
                _refuse(name, owned)
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                owned[name] = f"the report {report.name!r} has written it already"
                (draft / name).replace(target)
        shutil.rmtree(draft)
        yield report


def _owned(run: Run) -> dict[str, str]:
    """Files and folders at the top of the run folder, and whose they are."""
    owned = dict.fromkeys((RUN_FILE, RECIPE_FILE, NOTES_FILE), "it is the run's own")
    for stage, entry in run.info["stages"].items():
        if stage != STAGE_NAME:
            tops = (name.partition("/")[0] for name in entry.get("published", ()))
            owned.update(dict.fromkeys(tops, f"it is what the stage {stage!r} made"))
    return owned


def _refuse(name: str, owned: dict[str, str]) -> None:
    top = name.partition("/")[0]
    whose = owned.get(name) or owned.get(top)
    if whose is None and top.startswith("."):
        whose = "names that start with a dot are diffmine's"
    if whose is not None:
        raise ContractError(f"it wrote {name!r}, but {whose}; a report writes under names of its own")
