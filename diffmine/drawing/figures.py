"""Figures of a run with matplotlib, sized for a paper's column; one style file for all."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from diffmine.drawing.contents import Contents
from diffmine.drawing.crops import crops
from diffmine.drawing.panels import Panel, fade, lines, scale_of, sheet
from diffmine.errors import RecipeError
from diffmine.types import ByteArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("diffmine.mplstyle")
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"pil_kwargs": {"compress_level": 2}},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
}
"""File formats, with the options that make them quick to write and equal for equal figures."""
COLUMN = 3.35
"""Width of a paper's column, inches."""
BETWEEN = 0.2
"""Space between two columns, inches."""
CELL = 96
GAP = 6
DIVERGING = "RdBu_r"
LONGEST_TITLE = 60


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished figure: a notebook shows it, ``save`` writes it.

    Attributes:
        figure: the matplotlib figure, to change or to embed.
    """

    figure: Figure

    def save(self, path: str | Path) -> None:
        """Write it; the suffix decides the format. Equal figures give equal files.

        Raises:
            RecipeError: the suffix is not one of ``FORMATS``.
        """
        path = Path(path)
        kind = path.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise RecipeError(f"{path}: a figure cannot be written as {kind!r}; allowed suffixes: {', '.join(FORMATS)}")
        self._write(path, kind)

    def _write(self, target: Path | io.BytesIO, kind: str) -> None:
        with _style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            self.figure.savefig(target, format=kind, **FORMATS[kind])

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self._write(buffer, "png")
        return buffer.getvalue()


def grid(contents: Contents, label: str, rows: int = 6, columns: int = 7) -> Panel:
    """The paper's figure: the best clusters as rows, named by median typicality; the most central members first."""
    best = contents.best_clusters(label)[:rows]
    shown = [one.rows[:columns].tolist() for one in best]
    cells = crops(contents, [row for line in shown for row in line], CELL)
    split = np.split(cells, np.cumsum([len(line) for line in shown])[:-1])
    return Panel(label, sheet(split, columns, GAP), [f"{one.facts['median_typicality']:.3g}" for one in best])


def strips(contents: Contents, label: str, rows: int = 1, columns: int = 10) -> Panel:
    """The best patches and, as controls, random and least typical ones."""
    selections = {contents.mined: contents.selected(label, contents.mined), **contents.controls(label)}
    cells = [crops(contents, found[: rows * columns], CELL) for found in selections.values()]
    image = sheet([line for one in cells for line in lines(one, rows, columns)], columns, GAP)
    return Panel(label, image, _names(rows, [*selections]))


def typicality(contents: Contents, label: str, rows: int = 1, columns: int = 6) -> Panel:
    """The most typical pictures: as they are, white where not typical, and as a heat map."""
    pictures, maps = _most_typical(contents, label, rows * columns)
    scale = scale_of(maps)
    kinds = (
        pictures,
        [fade(one, values, scale) for one, values in zip(pictures, maps, strict=True)],
        [_heat(values, scale) for values in maps],
    )
    aspect = max((one.shape[0] / one.shape[1] for one in pictures), default=1.0)
    cells = [line for kind in kinds for line in lines([_fitted(one, aspect) for one in kind], rows, columns)]
    return Panel(label, sheet(cells, columns, 2 * GAP), _names(rows, ("picture", "typical", "heat")), scale)


KINDS: dict[str, Callable[..., Panel]] = {"grid": grid, "strips": strips, "typicality": typicality}
"""The kinds of figure by name; each draws the panel of one label with so many rows and columns."""


def draw(
    contents: Contents,
    kind: str,
    labels: Sequence[str] | None = None,
    *,
    rows: int | None = None,
    columns: int | None = None,
) -> Drawing:
    """Draw a figure of a run.

    Args:
        kind: one of ``KINDS``.
        labels: which labels, each a panel; None: all.
        rows, columns: how many clusters or lines, and crops in each; None: what fits a paper's column.
    Raises:
        RecipeError: there is no such kind or label.
    """
    if kind not in KINDS:
        raise RecipeError(f"there is no figure of kind {kind!r}; allowed: {', '.join(KINDS)}")
    for label in labels or ():
        if label not in contents.labels:
            raise RecipeError(f"the run has no patches of label {label!r}; its labels: {', '.join(contents.labels)}")
    asked = {name: value for name, value in (("rows", rows), ("columns", columns)) if value is not None}
    return _compose([KINDS[kind](contents, label, **asked) for label in labels or contents.labels])


def _style() -> AbstractContextManager[Any]:
    import matplotlib.style

    return matplotlib.style.context(STYLE)


def _compose(panels: Sequence[Panel]) -> Drawing:
    """Panels beside and below each other, at most two in a row: a column of a paper, or its text width."""
    from matplotlib.figure import Figure

    across = min(len(panels), 2) or 1
    down = -(-len(panels) // across)
    height = max((COLUMN * 0.92 * one.aspect + (0.25 if one.scale is None else 0.65) for one in panels), default=1.0)
    with _style():
        figure = Figure(figsize=(COLUMN * across + BETWEEN * (across - 1), height * down))
        places = figure.subplots(down, across, squeeze=False).ravel().tolist()
        for axes, panel in zip(places, panels, strict=False):
            _draw(figure, axes, panel)
        for spare in places[len(panels) :]:
            spare.set_axis_off()
    return Drawing(figure)


def _draw(figure: Figure, axes: Axes, panel: Panel) -> None:
    axes.imshow(panel.image)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(_short(panel.title), parse_math=False)
    pitch = panel.image.shape[0] / max(len(panel.names), 1)
    axes.set_yticks([(row + 0.5) * pitch for row in range(len(panel.names))], panel.names)
    axes.tick_params(axis="y", length=0, pad=2)
    if panel.scale is not None:
        _colour_bar(figure, axes, panel.scale)


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _names(rows: int, names: Sequence[str]) -> list[str]:
    """Names of blocks of so many rows: beside the first of each."""
    return [name if row == 0 else "" for name in names for row in range(rows)]


def _most_typical(contents: Contents, label: str, count: int) -> tuple[list[ByteArray], list[FloatArray]]:
    """The pictures with the label's best patches, and their typicality at image size."""
    best = contents.selected(label, contents.mined)
    image_ids = list(dict.fromkeys(contents.image_ids(best)))[:count]
    run = contents.run
    return [run.picture(one) for one in image_ids], [run.typicality_image(one, label) for one in image_ids]


def _fitted(pixels: ByteArray, aspect: float) -> ByteArray:
    size = (2 * CELL, round(2 * CELL * aspect))
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), size, Image.Resampling.BICUBIC, color="white"))


def _heat(values: FloatArray, scale: float) -> ByteArray:
    from matplotlib import colormaps

    coloured: ByteArray = colormaps[DIVERGING](values / (2 * scale) + 0.5, bytes=True)[..., :3]
    return coloured


def _colour_bar(figure: Figure, axes: Axes, scale: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mapping = ScalarMappable(Normalize(-scale, scale), DIVERGING)
    bar = figure.colorbar(
        mapping, ax=axes, orientation="horizontal", fraction=0.04, aspect=50, pad=0.03, ticks=[-scale, 0, scale]
    )
    bar.outline.set_visible(False)
    bar.ax.set_xticklabels([f"−{scale:.2g}", "0", f"{scale:.2g}"])
    bar.set_label("typicality (null loss − label loss)", labelpad=0)
