"""The experiment: two runs, what they find, and what is written of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import diffmine
from diffmine.errors import DataError, RecipeError
from diffmine_localize.comparison import Compared, compared, paired
from diffmine_localize.drawing import overlays, strip_plot
from diffmine_localize.findings import located
from diffmine_localize.writing import write_tables

if TYPE_CHECKING:
    from diffmine.interfaces import Listener
    from diffmine.recipes.reading import Recipe
    from diffmine.runs.run import Run

LAST = "typicality"
"""The stage up to which a recipe is run: the maps are all that is measured."""
FOLDER = Path("localization")
NOTHING = "none"
"""The finetuner that leaves the model as it is."""


def run_both(
    recipe: Path,
    overrides: Sequence[str],
    base_overrides: Sequence[str],
    out: Path | None,
    *,
    store: Path | None,
    device: str,
    listener: Listener,
) -> tuple[Run, Run, Path]:
    """Run a recipe up to its maps, its base model first.

    Returns:
        the runs before and after finetuning, and the folder of results.
    Raises:
        RecipeError: the recipe is wrong, or finetunes nothing.
    """
    after = _named("after", diffmine.load_recipe(recipe, overrides))
    if after.tables.get("finetune", {}).get("use") == NOTHING:
        raise RecipeError(f"{recipe}: finetune.use = {NOTHING!r}, so there is nothing to compare; name a finetuner")
    base = _named("before", diffmine.load_recipe(recipe, [*overrides, *base_overrides]))
    before = replace(base, tables={**base.tables, "finetune": {"use": NOTHING}})
    folder = out or FOLDER / diffmine.load_recipe(recipe, overrides).header.name
    runs = [
        diffmine.run(one, out=folder / one.header.name, store=store, until=LAST, device=device, listener=listener)
        for one in (before, after)
    ]
    return runs[0], runs[1], folder


def _named(name: str, recipe: Recipe) -> Recipe:
    """The recipe under the name of its run."""
    return replace(recipe, header=recipe.header.model_copy(update={"name": name}))


def runs_of(before: Path, after: Path, out: Path | None) -> tuple[Run, Run, Path]:
    """Two runs from their folders, and the folder of results."""
    runs = diffmine.load_run(before), diffmine.load_run(after)
    return *runs, out or FOLDER / f"{before.name}-{after.name}"


def compare(before: Run, after: Run, folder: Path, shown: int) -> list[Compared]:
    """Measure both runs, and write tables and plots.

    Args:
        folder: where they are written.
        shown: pictures of each finding among the overlays.
    Raises:
        DataError: the runs have no boxes, or are about different pictures.
    """
    _check_units(before, after)
    pairs = paired(located(before), located(after))
    rows = compared(pairs)
    write_tables(folder, rows, pairs)
    strip_plot(pairs, folder / "strips.png")
    overlays(before, after, pairs, shown, folder / "overlays.png")
    return rows


def _check_units(before: Run, after: Run) -> None:
    """Refuse maps whose values are of different things."""
    if before.quantity != after.quantity:
        raise DataError(
            f"the maps before are {before.quantity}, those after {after.quantity}; compare runs with the same scorer"
        )
