"""What the figures show: each kind draws the panel of one label."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from PIL import Image, ImageOps

from diffmine.drawing.crops import crops
from diffmine.drawing.panels import Panel, fade, lines, scale_of, sheet
from diffmine.errors import DataError
from diffmine.runs.contents import Cluster, Contents
from diffmine.types import ByteArray, FloatArray

CELL = 96
"""Side of a crop, pixels; whole pictures are twice as wide."""
GAP = 6
DIVERGING = "RdBu_r"


def grid(contents: Contents, label: str, rows: int = 6, columns: int = 7) -> Panel:
    """The paper's figure: the best clusters as rows, named by median typicality and what they are flagged as.

    The most central members come first.
    """
    best = contents.best_clusters(label)[:rows]
    shown = [one.rows[:columns].tolist() for one in best]
    cells = crops(contents, [row for line in shown for row in line], CELL)
    split = np.split(cells, np.cumsum([len(line) for line in shown])[:-1])
    return Panel(label, sheet(split, columns, GAP), [_row_name(one) for one in best])


def strips(contents: Contents, label: str, rows: int = 1, columns: int = 10) -> Panel:
    """The best patches and, as controls, random and least typical ones."""
    selections = {contents.mined: contents.selected(label, contents.mined), **contents.controls(label)}
    cells = [crops(contents, found[: rows * columns], CELL) for found in selections.values()]
    image = sheet([line for one in cells for line in lines(one, rows, columns)], columns, GAP)
    return Panel(label, image, _names(rows, [*selections]))


def typicality(contents: Contents, label: str, rows: int = 1, columns: int = 6) -> Panel:
    """The most typical pictures: as they are, white where not typical, and as a heat map."""
    image_ids = _most_typical(contents, label, rows * columns)
    pictures = [contents.run.picture(one) for one in image_ids]
    maps = [contents.run.typicality_image(one, label) for one in image_ids]
    scale = scale_of(maps)
    kinds = (
        pictures,
        [fade(one, values, scale) for one, values in zip(pictures, maps, strict=True)],
        [_heat(values, scale) for values in maps],
    )
    return Panel(label, _stacked(kinds, rows, columns), _names(rows, ("picture", "typical", "heat")), scale)


def influence(contents: Contents, label: str, rows: int = 1, columns: int = 6) -> Panel:
    """The most typical pictures with their typicality, and with how far the label moves what the model predicts.

    Raises:
        DataError: the run's scorer gives no influence.
    """
    image_ids = _most_typical(contents, label, rows * columns)
    maps = [
        [image(one, label) for one in image_ids]
        for image in (contents.run.typicality_image, contents.run.influence_image)
    ]
    scale = scale_of([values for part in maps for values in part])
    kinds = [[contents.run.picture(one) for one in image_ids], *([_heat(one, scale) for one in part] for part in maps)]
    return Panel(label, _stacked(kinds, rows, columns), _names(rows, ("picture", "typicality", "influence")), scale)


def before_after(
    contents: Contents,
    before: Contents,
    label: str,
    rows: int = 1,
    columns: int = 6,
    names: tuple[str, str] = ("before", "after"),
) -> Panel:
    """The most typical pictures with the heat maps of an earlier run, such as the base model's, and of this one.

    Raises:
        DataError: the earlier run has not scored these pictures under this label.
    """
    image_ids = _most_typical(contents, label, rows * columns)
    for image_id in image_ids:
        if image_id not in before.run.records or label not in before.run.scored_labels(image_id):
            path = contents.run.records[image_id].path
            raise DataError(f"{before.run.path} has not scored {path} under {label!r}; compare runs over the same data")
    maps = [[one.run.typicality_image(image_id, label) for image_id in image_ids] for one in (before, contents)]
    scale = scale_of([values for part in maps for values in part])
    kinds = [[contents.run.picture(one) for one in image_ids], *([_heat(one, scale) for one in part] for part in maps)]
    return Panel(label, _stacked(kinds, rows, columns), _names(rows, ("picture", *names)), scale)


def _row_name(one: Cluster) -> str:
    """Its median, and below it its flags in at most two lines: a row is no higher than three."""
    width, most = (10, 2) if len(one.marks) == 1 else (20, 1)
    flags = [line for mark in one.marks[:2] for line in wrap(mark, width, max_lines=most, placeholder="…")]
    return "\n".join([_number(one.facts["median_typicality"]), *flags])


def _number(value: float) -> str:
    """Three significant digits, trailing zeros too: what stands below each other compares."""
    return f"{value:#.3g}".rstrip(".")


def _names(rows: int, names: Sequence[str]) -> list[str]:
    """Names of blocks of so many rows: beside the first of each."""
    return [name if row == 0 else "" for name in names for row in range(rows)]


def _most_typical(contents: Contents, label: str, count: int) -> list[str]:
    """The pictures with the label's best patches."""
    best = contents.selected(label, contents.mined)
    return list(dict.fromkeys(contents.image_ids(best)))[:count]


def _stacked(kinds: Sequence[Sequence[ByteArray]], rows: int, columns: int) -> ByteArray:
    """Blocks of pictures below each other, so many rows each; all as high as the tallest."""
    aspect = max((one.shape[0] / one.shape[1] for kind in kinds for one in kind), default=1.0)
    cells = [line for kind in kinds for line in lines([_fitted(one, aspect) for one in kind], rows, columns)]
    return sheet(cells, columns, 2 * GAP)


def _fitted(pixels: ByteArray, aspect: float) -> ByteArray:
    size = (2 * CELL, round(2 * CELL * aspect))
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), size, Image.Resampling.BICUBIC, color="white"))


def _heat(values: FloatArray, scale: float) -> ByteArray:
    from matplotlib import colormaps

    coloured: ByteArray = colormaps[DIVERGING](values / (2 * scale) + 0.5, bytes=True)[..., :3]
    return coloured
