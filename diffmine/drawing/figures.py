"""Figures of a run with matplotlib, sized for a paper's column; one style file for all."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.drawing.panels import Panel
from diffmine.drawing.whole_pictures import DIVERGING, before_after
from diffmine.errors import RecipeError
from diffmine.interfaces import Figure as FigureKind
from diffmine.interfaces import Quantity
from diffmine.runs.contents import Contents

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
ALT = {"png": "Description", "pdf": "Subject", "svg": "Title"}
"""Where each format keeps what is said to those who cannot see the figure."""
COLUMN = 3.35
"""Width of a paper's column, inches."""
BETWEEN = 0.2
"""Space between two columns, inches."""
MARGINS = 0.5
"""Height of the texts around a panel, inches, before the layout has measured them."""
SLACK = 0.01
"""Height left over in each row, inches: images short of height would be narrower than their places."""
LONGEST_TITLE = 60
LONGEST_COLUMN = 12


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished figure: a notebook shows it, ``save`` writes it.

    Attributes:
        figure: the matplotlib figure, to change or to embed.
        alt: what it shows, for those who cannot see it; written into files too.
    """

    figure: Figure
    alt: str = ""

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
        options = FORMATS[kind]
        metadata = {**options.get("metadata", {}), **({ALT[kind]: self.alt} if self.alt else {})}
        with _style():
            self.figure.savefig(target, format=kind, **{**options, "metadata": metadata})

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self._write(buffer, "png")
        return buffer.getvalue()


def draw(
    contents: Contents,
    kind: FigureKind,
    labels: Sequence[str] | None = None,
    *,
    rows: int | None = None,
    columns: int | None = None,
) -> Drawing:
    """Draw a figure of a run.

    Args:
        kind: draws the panels.
        labels: which labels, each a panel; None: all.
        rows, columns: how many clusters or lines, and crops in each; None: what the kind says.
    Raises:
        RecipeError: there is no such label.
    """
    size = (kind.rows if rows is None else rows, kind.columns if columns is None else columns)
    panels = kind.panels(contents, _checked(contents, labels), *size)
    return compose(panels, contents.run.quantity)


def draw_before_after(
    contents: Contents,
    before: Contents,
    labels: Sequence[str] | None = None,
    *,
    names: tuple[str, str] = ("before", "after"),
    rows: int | None = None,
    columns: int | None = None,
) -> Drawing:
    """Draw where a run found typicality beside where an earlier one did, such as before finetuning.

    Args:
        contents, before: two runs over the same pictures.
        names: what to call the earlier run and this one.
        labels, rows, columns: see :func:`draw`.
    Raises:
        RecipeError: there is no such label.
        DataError: the earlier run has not scored the same pictures.
    """
    asked = _asked(rows, columns)
    shown = _checked(contents, labels)
    panels = [before_after(contents, before, label, names=names, **asked) for label in shown]
    return compose(panels, contents.run.quantity)


def _asked(rows: int | None, columns: int | None) -> dict[str, int]:
    return {name: value for name, value in (("rows", rows), ("columns", columns)) if value is not None}


def _checked(contents: Contents, labels: Sequence[str] | None) -> Sequence[str]:
    for label in labels or ():
        if label not in contents.labels:
            raise RecipeError(f"the run has no patches of label {label!r}; its labels: {', '.join(contents.labels)}")
    return labels or contents.labels


@contextmanager
def _style() -> Iterator[None]:
    """The house's look; of letters that no font has, a box is drawn and nothing said."""
    import matplotlib.style

    with matplotlib.style.context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def compose(panels: Sequence[Panel], quantity: Quantity) -> Drawing:
    """Panels beside and below each other, at most two in a row: a column of a paper, or its text width.

    Args:
        quantity: of which the colour bars of panels with a scale are.
    """
    from matplotlib.figure import Figure

    across = min(len(panels), 2) or 1
    down = -(-len(panels) // across)
    tallest = max((one.aspect for one in panels), default=0.1)
    with _style():
        figure = Figure(figsize=(COLUMN * across + BETWEEN * (across - 1), (COLUMN * tallest + MARGINS) * down))
        places = figure.subplots(down, across, squeeze=False, gridspec_kw={"hspace": 0.05}).ravel().tolist()
        for axes, panel in zip(places, panels, strict=False):
            _draw(figure, axes, panel, quantity)
        for spare in places[len(panels) :]:
            spare.set_axis_off()
        if panels:
            _fit_height(figure, places[: len(panels)], down, tallest)
    return Drawing(figure, " ".join(panel.description for panel in panels))


def _fit_height(figure: Figure, places: Sequence[Axes], down: int, tallest: float) -> None:
    """Give the figure the height at which its tallest panel fills its place; lower ones keep to the top.

    The layout makes room for all texts only while images fill their places, so they are stretched while it measures.
    """
    figure.draw_without_rendering()
    width, height = places[0].get_position().size * figure.get_size_inches()
    figure.set_figheight(figure.get_figheight() + down * (width * tallest - height + SLACK))
    for axes in places:
        axes.set_aspect("equal", anchor="N")


def _draw(figure: Figure, axes: Axes, panel: Panel, quantity: Quantity) -> None:
    axes.imshow(panel.image, aspect="auto")
    width = panel.image.shape[1] / max(len(panel.columns), 1)
    names = [_short(name, LONGEST_COLUMN) for name in panel.columns]
    axes.set_xticks([(column + 0.5) * width for column in range(len(names))], names, parse_math=False)
    axes.tick_params(axis="x", length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(_short(panel.title), parse_math=False)
    axes.set_yticks(panel.middles(), panel.names, parse_math=False)
    axes.tick_params(axis="y", length=0, pad=2)
    if panel.notes:
        axes.set_xlabel("\n".join(panel.notes), loc="left", parse_math=False, fontsize="small")
    if panel.scale is not None:
        _colour_bar(figure, axes, panel.scale, quantity)


def _short(title: str, longest: int = LONGEST_TITLE) -> str:
    title = " ".join(title.split())
    return title if len(title) <= longest else title[: longest - 1] + "…"


def _colour_bar(figure: Figure, axes: Axes, scale: float, quantity: Quantity) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mapping = ScalarMappable(Normalize(-scale, scale), DIVERGING)
    bar = figure.colorbar(
        mapping, ax=axes, orientation="horizontal", fraction=0.04, aspect=50, pad=0.03, ticks=[-scale, 0, scale]
    )
    bar.outline.set_visible(False)
    bar.ax.set_xticklabels([f"−{scale:.2g}", "0", f"{scale:.2g}"])
    bar.set_label(str(quantity), labelpad=0, parse_math=False)
