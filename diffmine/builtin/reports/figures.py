"""Report ``figures``: pictures for papers and talks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from diffmine.files.names import slug
from diffmine.interfaces import ComponentConfig, Figure, PartsOf, PartTable, Report

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FOLDER = "figures"


class Figures(Report):
    """For each label the paper's grid of clusters, best against control patches, and typicality overlays."""

    name = "figures"

    class Config(ComponentConfig):
        """Options of ``figures``."""

        kinds: Annotated[tuple[PartTable, ...], PartsOf("figures")] = Field(
            ({"use": "grid"}, {"use": "strips"}, {"use": "typicality"}),
            description="what to draw for each label: names of kinds of figures, or tables with use and options",
        )
        formats: tuple[Literal["png", "pdf", "svg"], ...] = Field(("png", "pdf"), description="file formats")
        rows: int = Field(6, ge=1, le=100, description="clusters in a grid")
        columns: int = Field(7, ge=1, le=50, description="members of a cluster in a grid")

    config: Config
    parts: tuple[Figure, ...]

    def write(self, run: Run, folder: Path) -> None:
        """Write ``figures/<kind>-<label>.<format>``, or ``figures/<kind>.<format>`` of all labels together.

        The name of a label is made safe (``files.names``).
        """
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for kind in self.parts:
            run.attempt(kind, lambda kind: self._draw(run, kind, folder / FOLDER))

    def _draw(self, run: Run, kind: Figure, target: Path) -> None:
        from diffmine.drawing.figures import draw

        sizes = {"rows": self.config.rows, "columns": self.config.columns} if kind.name == "grid" else {}
        parts = {kind.name: None} if kind.across else {f"{kind.name}-{slug(one)}": [one] for one in run.contents.labels}
        for name, labels in parts.items():
            drawing = draw(run.contents, kind, labels, **sizes)
            for suffix in self.config.formats:
                drawing.save(target / f"{name}.{suffix}")
