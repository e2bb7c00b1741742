"""Making the reports of a finished run again, without running anything else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from diffmine.engine.folder_lock import sole_writer
from diffmine.engine.opening import naming_the_maker
from diffmine.engine.warning_channel import routed_warnings
from diffmine.errors import MissingComponentError, RecipeError
from diffmine.interfaces import Report
from diffmine.plugins.kinds import KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import Recipe, load_recipe
from diffmine.recipes.resolving import named_in
from diffmine.runs.report_files import write_reports
from diffmine.runs.run import RECIPE_FILE, Run

REPORT = KIND_OF_TABLE["report"]


def rebuild(run: Run, warn: Callable[[str], None], overrides: Sequence[str] = ()) -> list[Path]:
    """Write the files of the run's reports anew; each file or folder is exchanged by a rename.

    Only the recipe's ``[report]`` is configured, so that a run whose other components are not installed any more can
    still be reported; a report that is not installed any more is left out.

    Args:
        warn: told of each report that is left out, and of what reports warn of.
        overrides: settings of ``report`` that go over the recipe's, such as ``report.html.single_file=true``.
    Returns:
        what was written, files and folders at the top of the run folder.
    Raises:
        MissingComponentError: none of the reports is installed.
        ArtifactError: another process is writing to the run folder.
        RecipeError: a setting is not one of ``report``, or wrong.
    """
    for one in overrides:
        if not one.lstrip().startswith(f"{REPORT.table}."):
            raise RecipeError(
                f"--set {one!r}: only reports are made again; set one of theirs, such as report.html.quality=90"
            )
    reports = list(_installed(run, load_recipe(run.path / RECIPE_FILE, overrides), warn))
    with sole_writer(run.path), routed_warnings(warn):
        return _written(reports, run)


def _written(reports: Sequence[Report], run: Run) -> list[Path]:
    draft = run.path / f".reports.{os.getpid()}.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    folder, workspace = draft / "files", draft / "workspace"
    folder.mkdir(parents=True)
    workspace.mkdir()
    try:
        for _ in write_reports(reports, run, folder, workspace):
            pass
        return [_exchange(path, run.path / path.name) for path in sorted(folder.iterdir())]
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _installed(run: Run, recipe: Recipe, warn: Callable[[str], None]) -> Iterator[Report]:
    missing: list[MissingComponentError] = []
    named = named_in(REPORT, recipe)
    for one in named:
        try:
            with naming_the_maker(run):
                yield cast(Report, registry().build(REPORT, one.use, one.options, one.folders))
        except MissingComponentError as error:
            missing.append(error)
    if missing and len(missing) == len(named):
        raise missing[0]
    for gone in missing:
        warn(f"the report {gone.use!r} is left out: {gone}")


def _exchange(source: Path, target: Path) -> Path:
    if target.is_dir():
        old = source.with_name(f".{target.name}.old")
        target.rename(old)
    source.rename(target)
    return target
