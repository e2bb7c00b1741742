"""A picture as a grid of cells: in each a histogram of gradient directions, and the mean colour."""

from __future__ import annotations

import numpy as np

from diffmine.types import ByteArray, FloatArray

COLOURS = 3


def cell_grid(pixels: ByteArray, cell: int, orientations: int) -> FloatArray:
    """Gradient histograms and Lab colours of square cells.

    A histogram is normalised by the energy of each of the four blocks of 2 x 2 cells around it, and the four results
    are averaged (Dalal and Triggs, 2005; Felzenszwalb et al., 2010). A picture that is no multiple of the cell goes on
    with its border pixels.

    Args:
        pixels: uint8, (height, width, 3).
        cell: side of a cell in pixels.
        orientations: directions that a histogram tells apart.
    Returns:
        float32, (ceil(height / cell), ceil(width / cell), orientations + 3).
    """
    height, width = pixels.shape[:2]
    whole = np.pad(pixels, ((0, -height % cell), (0, -width % cell), (0, 0)), mode="edge")
    return np.concatenate([_histograms(whole, cell, orientations), _colours(whole, cell)], axis=-1)


def _histograms(pixels: ByteArray, cell: int, orientations: int) -> FloatArray:
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


def _colours(pixels: ByteArray, cell: int) -> FloatArray:
    """Mean Lab values of each cell, from about -1 to 1."""
    from skimage.color import rgb2lab

    rows, columns = pixels.shape[0] // cell, pixels.shape[1] // cell
    lab = (rgb2lab(pixels) - (50, 0, 0)) / (50, 100, 100)
    mean: FloatArray = lab.reshape(rows, cell, columns, cell, COLOURS).mean(axis=(1, 3)).astype(np.float32)
    return mean


def windows(grid: FloatArray, reach: int) -> FloatArray:
    """The cells around each cell, up to ``reach`` away; beyond the border its cells go on.

    Args:
        grid: float32, (h, w, values).
    Returns:
        float32, (h, w, (2 * reach + 1)² * values).
    """
    side = 2 * reach + 1
    framed = np.pad(grid, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(framed, (side, side), axis=(0, 1))
    return views.reshape(*grid.shape[:2], -1)
