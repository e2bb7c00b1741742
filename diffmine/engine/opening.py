"""Opening run folders with everything that is installed here."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from diffmine.errors import DiffmineError, DiffmineWarning, MissingComponentError, PluginError, RecipeError
from diffmine.interfaces import (
    Clusterer,
    Column,
    Component,
    Dataset,
    Figure,
    ModelTools,
    PatchSelector,
    Projection,
    Quantity,
    TypicalityScorer,
    View,
)
from diffmine.plugins.kinds import KIND_OF_NAME, KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.types import Origin

if TYPE_CHECKING:
    from diffmine.drawing.figures import Drawing


class Installed:
    """What runs need of the components that are installed, see :class:`diffmine.runs.services.Services`.

    Only what is asked for is configured, so that a run whose other components are gone still opens.

    Args:
        device: where the run's model computes unless something else is asked for.
    """

    def __init__(self, device: str = "auto") -> None:
        self._device = device

    def dataset(self, run: Run, origin: Origin) -> Dataset:
        return cast(Dataset, _of_recipe(run, origin))

    def selector(self, run: Run) -> PatchSelector:
        return cast(PatchSelector, _of_recipe(run, "patches"))

    def projection(self, run: Run) -> Projection:
        return cast(Projection, _of_recipe(run, "projection"))

    def clusterer(self, run: Run) -> Clusterer:
        return cast(Clusterer, _of_recipe(run, "clusterer"))

    def tools(self, run: Run, device: str | None, fold: int | None) -> ModelTools:
        from diffmine.engine.devices import torch_device
        from diffmine.engine.work import RunInputs

        with naming_the_maker(run):
            resolved = resolve(run.recipe, registry())
        # Of a run that has not come as far, the base model would pass for the finetuned one.
        needed = ("images", "finetune") if resolved.components.needs_model else ("images",)
        artifacts = {stage: run.artifact(stage) for stage in needed}
        return RunInputs(resolved, artifacts).tools(torch_device(device or self._device), fold=fold)

    def quantity(self, run: Run) -> Quantity:
        use = run.recipe.tables.get("scorer", {}).get("use", "")
        try:
            scorer = registry().find(KIND_OF_TABLE["scorer"], use).component
        except (RecipeError, PluginError):  # the plugin is gone, or two claim its name
            return Quantity()
        return cast(type[TypicalityScorer], scorer).quantity

    def figure(
        self,
        run: Run,
        kind: str,
        labels: Sequence[str] | None,
        *,
        before: Run | None,
        rows: int | None,
        columns: int | None,
    ) -> Drawing:
        from diffmine.drawing.figures import draw, draw_before_after

        if before is not None:
            return draw_before_after(run.contents, before.contents, labels, rows=rows, columns=columns)
        drawn = cast(Figure, registry().build(KIND_OF_NAME["figures"], kind, {}))
        return draw(run.contents, drawn, labels, rows=rows, columns=columns)

    def columns(self) -> list[Column]:
        return cast(list[Column], _all_of("columns"))

    def views(self) -> list[View]:
        return cast(list[View], _all_of("views"))

    def summary(self, run: Run) -> str:
        from diffmine.drawing.notebook import summary

        return summary(run)


def _all_of(name: str) -> list[Component]:
    """Every installed component of a kind that no recipe chooses from; what cannot be configured is warned of."""
    kind, found = KIND_OF_NAME[name], []
    for use in registry().names(kind):
        try:
            found.append(registry().build(kind, use, {}))
        except DiffmineError as error:
            warnings.warn(f"{error}; it is left out", DiffmineWarning, stacklevel=2)
    return found


def _of_recipe(run: Run, table: str) -> Component:
    """The component of one table of the run's recipe, configured."""
    options = dict(run.recipe.tables[table])
    use = options.pop("use")
    with naming_the_maker(run):
        return registry().build(KIND_OF_TABLE[table], use, options, run.recipe.folders[table])


@contextmanager
def naming_the_maker(run: Run) -> Iterator[None]:
    """Where a component of a run is not installed any more, say which distribution had it.

    Raises:
        MissingComponentError: naming the distribution, where the run folder knows it.
    """
    try:
        yield
    except MissingComponentError as error:
        maker = run.maker(error.use, error.table)
        if maker is None:
            raise
        text = f"{run.path}: [{error.table}] use = {error.use!r} was made with {maker}; install it"
        failures = map(str, registry().failures)
        raise MissingComponentError(error.table, error.use, "\n".join([text, *failures])) from None


def load_run(path: str | Path, *, device: str = "auto", stages: Collection[str] | None = None) -> Run:
    """Open a run folder.

    Args:
        device: ``auto`` or a torch device; where ``run.tools()`` computes.
        stages: the stages whose results can be read; None: all.
    Raises:
        ArtifactError: it is not one, or of another format.
    """
    return Run(Path(path), Installed(device), stages=stages)
