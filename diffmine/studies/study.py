"""Studies and comparisons from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diffmine.analysis.agreement import require_same_images
from diffmine.engine import running
from diffmine.engine.opening import load_run
from diffmine.engine.places import check_places
from diffmine.errors import RecipeError
from diffmine.interfaces import Listener
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import Resolved, resolve
from diffmine.runs.run import Run
from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Entry
from diffmine.studies.points import Point
from diffmine.studies.results import Results
from diffmine.studies.running import Outcome, Plan, run_points
from diffmine.studies.study_file import load_study
from diffmine.studies.writing import write_study


def study(
    path: str | Path,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    workers: int = 1,
    listener: Listener | None = None,
) -> tuple[Results, Comparison]:
    """Run every variant of a study file at every grid point with every seed, and write what came out.

    Stages that runs share are computed once, and whatever the store has already is reused: the same call goes on
    after an interruption.

    Args:
        path: a study file, see :mod:`diffmine.studies.study_file`.
        out: receives ``runs/`` and the results; default ``studies/NAME``.
        store: as for :func:`diffmine.run`.
        device: as for :func:`diffmine.run`.
        overrides: settings such as ``dataset.per_label=20``, for every run.
        workers: runs at once, each in a process of its own.
        listener: as for :func:`diffmine.run`; it hears the events of all runs.
    Returns:
        the results, and how far the runs agree; a run that failed is in ``results.failures``.
    Raises:
        RecipeError: the file or one of the recipes is wrong; nothing was computed.
    """
    if workers < 1:
        raise RecipeError(f"workers = {workers}: must be at least 1")
    loaded = load_study(path, overrides)
    folder = Path(out) if out else Path("studies") / loaded.name
    plan = Plan(folder / "runs", running.store_path(store), device, workers)
    for recipe in check_points(loaded.points):
        check_places(recipe, folder, plan.store)
        check_places(recipe, plan.folder / recipe.name, plan.store)
    outcomes = run_points(loaded.points, plan, listener or running.usual_listener())
    entries = [_entry(one) for one in outcomes]
    return _conclude(Results(loaded.name, entries, loaded.description, loaded.content, overrides), folder)


def compare(runs: Sequence[str | Path], out: str | Path | None = None) -> tuple[Results, Comparison]:
    """Compare finished runs that were made apart.

    Args:
        runs: at least two run folders, about the same pictures.
        out: receives the results; None: nothing is written.
    Raises:
        DataError: they are about different pictures.
        ArtifactError: one is not a run folder.
    """
    if len(runs) < 2:
        raise RecipeError("comparing takes at least two run folders")
    opened = [load_run(path) for path in runs]
    for other in opened[1:]:
        require_same_images(opened[0], other)
    names = distinct_names([Path(path) for path in runs])
    entries = [_entry_of_run(name, run) for name, run in zip(names, opened, strict=True)]
    return _conclude(Results("comparison", entries), Path(out) if out else None)


def check_points(points: Sequence[Point]) -> list[Resolved]:
    """Check every recipe against the installed components before anything is computed.

    Raises:
        RecipeError: naming the run.
    """
    resolved = []
    for point in points:
        try:
            resolved.append(resolve(point.recipe, registry()))
        except RecipeError as error:
            raise RecipeError(f"run {point.name!r} of the study: {error}") from None
    return resolved


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart; a path given twice gets numbers."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number + 1}:{folder.name}" for number, folder in enumerate(folders)]


def _conclude(results: Results, folder: Path | None) -> tuple[Results, Comparison]:
    comparison = Comparison(results.entries)
    if folder is not None:
        write_study(results, comparison, folder)
    return results, comparison


def _entry(outcome: Outcome) -> Entry:
    point = outcome.point
    run = load_run(outcome.folder) if outcome.error is None else None
    return Entry(
        point.variant, point.settings, point.seed, outcome.folder, run, round(outcome.seconds, 3), outcome.error
    )


def _entry_of_run(name: str, run: Run) -> Entry:
    return Entry(name, {}, int(run.recipe.header.seed), run.path, run)
