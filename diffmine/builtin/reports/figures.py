"""Report ``figures``: pictures for papers and talks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from diffmine.files.names import slug
from diffmine.interfaces import ComponentConfig, Report
from diffmine.runs.contents import Contents

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FOLDER = "figures"


class Figures(Report):
    """For each label the paper's grid of clusters, best against control patches, and typicality overlays."""

    name = "figures"

    class Config(ComponentConfig):
        """Options of ``figures``."""

        kinds: tuple[Literal["grid", "strips", "typicality", "influence"], ...] = Field(
            ("grid", "strips", "typicality"), description="what to draw for each label"
        )
        formats: tuple[Literal["png", "pdf", "svg"], ...] = Field(("png", "pdf"), description="file formats")
        rows: int = Field(6, ge=1, le=100, description="clusters in a grid")
        columns: int = Field(7, ge=1, le=50, description="members of a cluster in a grid")

    config: Config

    def write(self, run: Run, folder: Path) -> None:
        """Write ``figures/<kind>-<label>.<format>``; the name of a label is made safe (``drawing.names``)."""
        from diffmine.drawing.figures import draw

        contents = Contents(run)
        target = folder / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        for label in contents.labels:
            for kind in self.config.kinds:
                sizes = {"rows": self.config.rows, "columns": self.config.columns} if kind == "grid" else {}
                drawing = draw(contents, kind, [label], **sizes)
                for suffix in self.config.formats:
                    drawing.save(target / f"{kind}-{slug(label)}.{suffix}")
