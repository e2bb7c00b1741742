"""Opening run folders with everything that is installed here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from diffmine.interfaces import Dataset, ModelTools
from diffmine.plugins.kinds import KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run

if TYPE_CHECKING:
    from diffmine.drawing.figures import Drawing


class Installed:
    """What runs need of the components that are installed, see :class:`diffmine.runs.run.Services`.

    Only what is asked for is configured, so that a run whose other components are gone still opens.
    """

    def dataset(self, run: Run) -> Dataset:
        options = dict(run.recipe.tables["dataset"])
        use = options.pop("use")
        return cast(Dataset, registry().build(KIND_OF_TABLE["dataset"], use, options, run.recipe.folders["dataset"]))

    def tools(self, run: Run, device: str) -> ModelTools:
        from diffmine.engine.devices import torch_device
        from diffmine.engine.work import RunInputs

        artifacts = {stage: run.artifact(stage) for stage in ("images", "finetune") if stage in run.info["stages"]}
        return RunInputs(resolve(run.recipe, registry()), artifacts).tools(torch_device(device))

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


def load_run(path: str | Path) -> Run:
    """Open a run folder.

    Raises:
        ArtifactError: it is not one, or of another format.
    """
    return Run(Path(path), Installed())
