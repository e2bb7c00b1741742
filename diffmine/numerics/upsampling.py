"""Typicality maps at image size, and the means of their patches.

Bilinear upsampling and average pooling are linear, so they commute with the mean over draws: the mean map on the
latent grid is all that is stored.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from diffmine.types import Box, FloatArray


@lru_cache(maxsize=64)
def _interpolation(cells: int, stride: int, length: int) -> FloatArray:
    """Matrix of bilinear upsampling along one axis (align_corners = False), (length, cells)."""
    position = np.clip((np.arange(length) + 0.5) / stride - 0.5, 0, cells - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, cells - 1)
    weight = (position - low).astype(np.float32)
    matrix = np.zeros((length, cells), dtype=np.float32)
    rows = np.arange(length)
    matrix[rows, low] += 1 - weight
    matrix[rows, high] += weight
    return matrix


def upsample(grid: FloatArray, stride: int, height: int, width: int) -> FloatArray:
    """Bilinear upsampling of a latent map to the image, cropped to it.

    Args:
        grid: (h, w); h * stride >= height, w * stride >= width.
        stride: image pixels to one cell.
    Returns:
        float32, (height, width); equal to ``torch.nn.functional.interpolate(..., mode="bilinear")``.
    """
    rows = _interpolation(grid.shape[0], stride, height)
    columns = _interpolation(grid.shape[1], stride, width)
    image: FloatArray = rows @ grid.astype(np.float32) @ columns.T
    return image


def window_weights(box: Box, shape: tuple[int, ...], stride: int, height: int, width: int) -> NDArray[np.float64]:
    """How much each cell of a map counts in the mean over a box of the upsampled map.

    Args:
        box: in pixels, within the image.
        shape: of the map, (h, w).
        stride: image pixels to one cell.
        height: of the image.
        width: of the image.
    Returns:
        float64, (h, w); sums to 1.
    """
    rows = _interpolation(shape[0], stride, height)[box.y0 : box.y1].mean(0, dtype=np.float64)
    columns = _interpolation(shape[1], stride, width)[box.x0 : box.x1].mean(0, dtype=np.float64)
    weights: NDArray[np.float64] = np.outer(rows, columns)
    return weights


def window_means(image: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Mean over every size x size window (stride 1, no padding), from a summed-area table.

    Args:
        image: (height, width).
    Returns:
        float64, (height - size + 1, width - size + 1); empty where the window does not fit.
    """
    height, width = image.shape
    if size > height or size > width:
        return np.empty((max(0, height - size + 1), max(0, width - size + 1)))
    table = np.zeros((height + 1, width + 1))
    np.cumsum(image, axis=0, out=table[1:, 1:])
    np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
    total = table[size:, size:] - table[:-size, size:] - table[size:, :-size] + table[:-size, :-size]
    return total / size**2


def regrid(grid: NDArray[np.floating], cells: tuple[int, int], cell: tuple[float, float]) -> FloatArray:
    """A map on a grid of other cells, by bilinear interpolation between the centres of its own.

    For scorers that compute on a grid whose cells are no whole number of pixels, or on grids of several sizes.

    Args:
        grid: (h, w) or (h, w, values); it covers the same picture as the result, from the same corner.
        cells: rows and columns of the result.
        cell: height and width of a cell of the result, in cells of ``grid``.
    Returns:
        float32, ``cells`` or (*cells, values); beyond the outermost centres the border goes on.
    """
    rows, columns = (_between(grid.shape[axis], cell[axis], cells[axis]) for axis in (0, 1))
    along_rows = np.einsum("ih,h...->i...", rows, grid.astype(np.float32))
    regridded: FloatArray = np.einsum("jw,iw...->ij...", columns, along_rows)
    return regridded


def _between(cells: int, size: float, count: int) -> FloatArray:
    """Weights of ``cells`` cells for the centres of ``count`` cells of another size, (count, cells)."""
    position = np.clip((np.arange(count) + 0.5) * size - 0.5, 0, cells - 1)
    weights: FloatArray = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells))).astype(np.float32)
    return weights
