"""Opening run folders with everything that is installed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from diffmine.errors import MissingComponentError, PluginError, RecipeError
from diffmine.interfaces import Component, Dataset, ModelTools, PatchSelector, Quantity, TypicalityScorer
from diffmine.plugins.kinds import KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run

if TYPE_CHECKING:
    from diffmine.drawing.figures import Drawing


class Installed:
    """What runs need of the components that are installed, see :class:`diffmine.runs.run.Services`.

    Only what is asked for is configured, so that a run whose other components are gone still opens.

    Args:
        device: where the run's model computes unless something else is asked for.
    """

    def __init__(self, device: str = "auto") -> None:
        self._device = device

    def dataset(self, run: Run) -> Dataset:
        return cast(Dataset, _component(run, "dataset"))

    def selector(self, run: Run) -> PatchSelector:
        return cast(PatchSelector, _component(run, "patches"))

    def tools(self, run: Run, device: str | None) -> ModelTools:
        from diffmine.engine.devices import torch_device
        from diffmine.engine.work import RunInputs

        artifacts = {stage: run.artifact(stage) for stage in ("images", "finetune") if stage in run.info["stages"]}
        with naming_the_maker(run):
            resolved = resolve(run.recipe, registry())
        return RunInputs(resolved, artifacts).tools(torch_device(device or self._device))

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
        from diffmine.runs.contents import Contents

        if before is None:
            return draw(Contents(run), kind, labels, rows=rows, columns=columns)
        return draw_before_after(Contents(run), Contents(before), labels, rows=rows, columns=columns)

    def summary(self, run: Run) -> str:
        from diffmine.drawing.notebook import summary

        return summary(run)


def _component(run: Run, table: str) -> Component:
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


def load_run(path: str | Path, *, device: str = "auto") -> Run:
    """Open a run folder.

    Args:
        device: ``auto`` or a torch device; where ``run.tools()`` computes.
    Raises:
        ArtifactError: it is not one, or of another format.
    """
    return Run(Path(path), Installed(device))
