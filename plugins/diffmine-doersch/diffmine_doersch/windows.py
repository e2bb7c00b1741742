"""A picture as windows of several sizes, each described by its gradients and colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diffmine.types import BoolArray, ByteArray, FloatArray
from diffmine_doersch.options import DetectorConfig

FLAT = 0.01
"""Standard deviation of a description below which it is not blown up to unit deviation: there is nothing to see."""


@dataclass(frozen=True, slots=True)
class Level:
    """The windows of one size, one around each cell; beyond the border the picture's cells go on.

    Attributes:
        described: float32, (h, w, dims), each of mean 0 and, unless it is flat, deviation 1.
        energy: float32, (h, w): mean length of the gradient of the lightness in the window.
        boxes: float32, (h, w, 4): top, left, bottom and right in pixels of the picture; may reach over its border.
        inside: bool, (h, w): whether the window lies in the picture.
    """

    described: FloatArray
    energy: FloatArray
    boxes: FloatArray
    inside: BoolArray


def levels(config: DetectorConfig, pixels: ByteArray) -> Iterator[Level]:
    """The windows of a picture, uint8, (height, width, 3), scale by scale."""
    height, width = pixels.shape[:2]
    for scale in config.scales:
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        cells, energy = _cells(resized, config.cell, config.orientations)
        boxes = _boxes(cells.shape[:2], config, (height / size[1], width / size[0]))
        slack = config.cell / 4  # rounding of the resized sides
        inside = (boxes[..., :2] >= -slack).all(axis=-1)
        inside &= (boxes[..., 2:] <= np.array([height, width]) + slack).all(axis=-1)
        around = _around(energy[..., None], config.reach).mean(axis=-1)
        yield Level(_normalised(_around(cells, config.reach)), around, boxes, inside)


def _boxes(grid: tuple[int, ...], config: DetectorConfig, pixel: tuple[float, float]) -> FloatArray:
    """Boxes of the windows around the cells of a grid; ``pixel``: height and width of its pixels in the picture's."""
    rows, columns = (config.cell * one * np.arange(cells) for one, cells in zip(pixel, grid, strict=True))
    before, after = config.reach * config.cell, (config.reach + 1) * config.cell
    tops, lefts = np.meshgrid(rows, columns, indexing="ij")
    corners = (tops - before * pixel[0], lefts - before * pixel[1], tops + after * pixel[0], lefts + after * pixel[1])
    return np.stack(corners, axis=-1).astype(np.float32)


def _cells(pixels: ByteArray, cell: int, orientations: int) -> tuple[FloatArray, FloatArray]:
    """Gradient histograms and the colours a and b of square cells, and the mean length of their gradients."""
    from skimage.color import rgb2lab

    height, width = pixels.shape[:2]
    whole = np.pad(pixels, ((0, -height % cell), (0, -width % cell), (0, 0)), mode="edge")
    lab = rgb2lab(whole)
    length = np.hypot(*np.gradient(lab[..., 0]))
    colours = _means(lab[..., 1:] / 100, cell)
    return np.concatenate([_histograms(whole, cell, orientations), colours], axis=-1), _means(length, cell)


def _histograms(pixels: ByteArray, cell: int, orientations: int) -> FloatArray:
    """Histograms normalised by each of the four blocks of 2 x 2 cells around a cell, averaged.

    Dalal and Triggs (2005); the average is of Felzenszwalb et al. (2010).
    """
    from skimage.feature import hog

    framed = np.pad(pixels, ((cell, cell), (cell, cell), (0, 0)), mode="edge")
    blocks = hog(
        framed,
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(2, 2),
        feature_vector=False,
        channel_axis=-1,
    )
    # A cell is the lower right one of the block before it, and so on to the upper left one of the block that it begins.
    four = blocks[:-1, :-1, 1, 1] + blocks[:-1, 1:, 1, 0] + blocks[1:, :-1, 0, 1] + blocks[1:, 1:, 0, 0]
    mean: FloatArray = (four / 4).astype(np.float32)
    return mean


def _means(values: NDArray[np.floating], cell: int) -> FloatArray:
    """Means over cells of values, (height, width) or (height, width, channels), whose sides are multiples of one."""
    rows, columns = values.shape[0] // cell, values.shape[1] // cell
    parts = values.reshape(rows, cell, columns, cell, *values.shape[2:])
    mean: FloatArray = parts.mean(axis=(1, 3)).astype(np.float32)
    return mean


def _around(grid: FloatArray, reach: int) -> FloatArray:
    """The cells up to ``reach`` away from each, (h, w, values) to (h, w, values x (2 reach + 1)²)."""
    side = 2 * reach + 1
    framed = np.pad(grid, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(framed, (side, side), axis=(0, 1))
    return views.reshape(*grid.shape[:2], -1)


def _normalised(described: FloatArray) -> FloatArray:
    """So that the product of two descriptions is their correlation times their number of values."""
    centred = described - described.mean(axis=-1, keepdims=True)
    normalised: FloatArray = centred / np.maximum(centred.std(axis=-1, keepdims=True), FLAT)
    return normalised
