"""Report ``html``: a static page to look at a run with."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from diffmine.errors import DiffmineWarning
from diffmine.interfaces import ComponentConfig, PartsOf, PartTable, Projection, Report

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FOLDER = "report"
MEGABYTE = 1_000_000
LEAST_SHARE_OF_PICTURES = 0.1
BYTES_OF_A_PATCH = 150
"""What a patch takes in the page, beside its crop; its place on the map by principal components is counted in."""
BASE64 = 3 / 4
"""Bytes of a picture, to those that hold it in a page."""
BYTES_OF_A_PLACE = 11
"""What its place on each further map takes: four numbers of two bytes, in base64."""


class Html(Report):
    """A page for the browser: clusters, pictures, typicality, a map; opens from disk, needs no network."""

    name = "html"

    class Config(ComponentConfig):
        """Options of ``html``."""

        crop_size: int = Field(64, ge=16, le=256, description="side of a crop as stored, pixels")
        picture_size: int = Field(512, ge=64, le=2048, description="long side of a whole picture at most, pixels")
        quality: int = Field(75, ge=1, le=100, description="WebP quality of crops and pictures")
        max_megabytes: float = Field(
            30.0,
            ge=1,
            description="size to aim at, MB: max_crops crops are included, then whole pictures while there is room, "
            "the best first (at least a tenth of this size)",
        )
        max_crops: int = Field(
            60_000,
            ge=1,
            description="crops in the page at most, of every cluster as many: its first members; "
            "diffmine view draws the others when they are looked at",
        )
        single_file: bool = Field(
            False, description="whether the pictures lie in the page itself, so that it can be sent alone"
        )
        public: bool = Field(
            False, description="whether the page names no files and no folders, so that anyone may see it"
        )
        address: str = Field(
            "",
            pattern="^(https?://.+/)?$",
            description="address of the folder that the page will lie in, with / at its end; links to "
            "the page are then shown with a picture",
        )
        maps: Annotated[tuple[PartTable, ...], PartsOf("projections")] = Field(
            (),
            description="projections to draw the map by, beside principal components: names, or tables with use and "
            "options; of more than two dimensions the two principal ones are shown",
        )

    config: Config
    parts: tuple[Projection, ...]

    def write(self, run: Run, folder: Path) -> None:
        """Write ``report/index.html`` and the pictures beside it, or in it."""
        target = folder / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        if self.config.single_file:
            with TemporaryDirectory() as beside:
                self._write(run, target, Path(beside))
        else:
            self._write(run, target, target)

    def _write(self, run: Run, target: Path, beside: Path) -> None:
        """The page in one folder, its pictures in another: of those that do not lie together, the page holds all."""
        from diffmine.builtin.reports.explorer.ordering import Ordering
        from diffmine.builtin.reports.explorer.page import render
        from diffmine.builtin.reports.explorer.payload import overlays, payload, told_notes
        from diffmine.builtin.reports.explorer.pictures import write_pictures
        from diffmine.builtin.reports.explorer.placing import draw_maps
        from diffmine.builtin.reports.explorer.preview import write_preview
        from diffmine.builtin.reports.explorer.sprites import write_covers, write_sheets
        from diffmine.builtin.reports.explorer.view_pages import view_pages
        from diffmine.builtin.reports.explorer.wording import PublicWording, Wording

        options, ordering = self.config, Ordering(run.contents)
        sheets, front = write_sheets(ordering, beside, options.crop_size, options.quality, options.max_crops)
        covers = write_covers(ordering, beside, options.crop_size, options.quality)
        room = self._room(beside, len(ordering.rows))
        gallery = write_pictures(ordering, beside, room, options.picture_size, options.quality)
        maps = draw_maps(ordering, run.features, self.parts, seed=run.recipe.header.seed)
        views, wording = view_pages(run), PublicWording(run) if options.public else Wording()
        data = payload(ordering, sheets, front, covers, gallery, maps, options.crop_size, views, wording)
        held = {} if beside == target else _contents(beside)
        preview = beside == target and write_preview(ordering, target)
        scripts, notes = [one.script for one in views], told_notes(run, wording)
        page = render(data, overlays(ordering, gallery), scripts, held, notes, options.address, preview)
        (target / "index.html").write_text(page, encoding="utf-8")
        self._tell_if_large(target)

    def _tell_if_large(self, target: Path) -> None:
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / MEGABYTE
        if size > self.config.max_megabytes:
            warnings.warn(
                f"the page takes {size:.1f} MB, more than report.html.max_megabytes = {self.config.max_megabytes:g}: "
                "its crops and numbers alone are that large; fewer crops (report.html.max_crops), or smaller ones "
                "(report.html.crop_size), take less",
                DiffmineWarning,
                stacklevel=2,
            )

    def _room(self, target: Path, patches: int) -> int:
        """Bytes that are left for whole pictures."""
        of_a_patch = BYTES_OF_A_PATCH + len(self.parts) * BYTES_OF_A_PLACE
        total = self.config.max_megabytes * MEGABYTE * (BASE64 if self.config.single_file else 1)
        spent = sum(path.stat().st_size for path in target.glob("*.webp")) + patches * of_a_patch
        return int(max(total - spent, total * LEAST_SHARE_OF_PICTURES))


def _contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by path within it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.webp"))}
