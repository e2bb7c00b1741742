"""Running recipes from Python."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.engine.pipeline import Options, Pipeline
from diffmine.engine.places import check_places
from diffmine.engine.training_processes import assist, is_helper
from diffmine.errors import RecipeError
from diffmine.interfaces import Listener
from diffmine.interfaces.progress import nobody
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.manager import plugin_manager
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import Recipe, load_recipe, parse_recipe
from diffmine.recipes.resolving import Resolved, resolve
from diffmine.runs.run import Run

if TYPE_CHECKING:
    from rich.console import Console

STORE_VARIABLE = "DIFFMINE_STORE"
DEVICES = re.compile(r"auto|(cpu|cuda|hpu|mps|mtia|npu|xla|xpu)(:\d+)?")


def run(
    recipe: str | Path | Recipe | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    overrides: Sequence[str] = (),
    until: str | None = None,
    device: str = "auto",
    fresh: bool = False,
    fresh_from: str | None = None,
    listener: Listener | None = None,
) -> Run:
    """Run a recipe; stages that the store has already are reused.

    Args:
        recipe: a TOML file, a loaded recipe, or nested dictionaries as TOML would give them.
        out: the run folder; default ``runs/NAME``.
        store: the folder of artifacts; default ``$DIFFMINE_STORE`` or the user's cache folder.
        overrides: settings such as ``patches.size=48``, for a recipe that is a file.
        until: the last stage to run.
        device: ``auto`` or a torch device.
        fresh: compute everything again.
        fresh_from: compute this stage and those after it again.
        listener: hears how the run goes, event by event; None: bars in a notebook, and nothing elsewhere.
    Raises:
        RecipeError: the recipe is wrong; nothing was computed.
        StageError: a stage failed; the same call goes on from there.
        SystemExit: in every process of an ``accelerate launch`` but the first, when it has done its share.
    """
    loaded = _load(recipe, overrides)
    _check_device(device)
    resolved = resolve(loaded, registry())
    _check_stages(resolved, until, fresh_from)
    options = Options(
        out=Path(out) if out else Path("runs") / resolved.name,
        store=store_path(store),
        device=device,
        until=until,
        fresh_from=resolved.components.stages[0].name if fresh else fresh_from,
    )
    check_places(resolved, options.out, options.store)
    pipeline = Pipeline(resolved, options, plugin_manager(), registry(), listener or usual_listener())
    if is_helper():
        assist(pipeline)
        raise SystemExit(0)
    return pipeline.run()


def _check_stages(resolved: Resolved, until: str | None, fresh_from: str | None) -> None:
    names = [stage.name for stage in resolved.components.stages]
    for option, stage in (("until", until), ("fresh_from", fresh_from)):
        if stage is not None and stage not in names:
            hint = f"{did_you_mean(stage, names)}; {', '.join(names)}"
            raise RecipeError(f"{option} = {stage!r}: there is no such stage{hint}")
    if until is not None and fresh_from is not None and names.index(fresh_from) > names.index(until):
        raise RecipeError(f"fresh_from = {fresh_from!r} comes after the last stage to run, {until!r}")


def usual_listener() -> Listener:
    """Bars in a notebook; elsewhere a library prints nothing that it was not asked for."""
    from rich.console import Console

    if not Console().is_jupyter:
        return nobody
    from diffmine.drawing.notebook_progress import NotebookView

    return NotebookView()


def _check_device(device: str) -> None:
    """Refuse what torch cannot compute on before anything is computed."""
    if not DEVICES.fullmatch(device):
        raise RecipeError(f"device = {device!r}: no device of torch; name auto, cpu, cuda, cuda:1 or another")
    if device in ("auto", "cpu"):
        return
    import torch

    try:
        torch.empty(0, device=device)
    except (AssertionError, ImportError, RuntimeError) as error:  # torch raises any of these, by backend
        cause = re.split(r"\.\s|\n", str(error), maxsplit=1)[0].rstrip(".")
        raise RecipeError(f"device = {device!r} cannot be used here ({cause}); name auto or cpu") from error


def show_reports(run: Run, console: Console) -> None:
    """Print what the run's reports show on a terminal."""
    for report in resolve(run.recipe, registry()).components.report:
        report.show(run, console)


def store_path(store: str | Path | None) -> Path:
    """The store's folder: as named, else ``$DIFFMINE_STORE``, else in the user's cache folder."""
    if chosen := store or os.environ.get(STORE_VARIABLE):
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return platformdirs.user_cache_path("diffmine") / "store"


def _load(recipe: str | Path | Recipe | Mapping[str, Any], overrides: Sequence[str]) -> Recipe:
    if isinstance(recipe, (str, Path)):
        return load_recipe(recipe, overrides)
    if overrides:
        raise RecipeError("overrides are for recipe files; change the recipe's tables instead")
    return recipe if isinstance(recipe, Recipe) else parse_recipe(recipe)
