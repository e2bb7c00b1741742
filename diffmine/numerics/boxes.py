"""From a grid of features to the features of boxes, and to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.types import Box, FloatArray

if TYPE_CHECKING:
    from torch import Tensor


def coverage(start: float, stop: float, cell: float, cells: int) -> NDArray[np.float64]:
    """The share of an interval that lies in each cell of a regular grid.

    A cell counts by how much of it the interval covers, so an interval that is smaller than a cell takes that cell's
    value, and cells that it does not touch have no say. On a linear map the interval's mean is its centre's value where
    its length is a whole number of cells, and else off by at most slope x cell² / (8 x length).

    Args:
        start: where the half-open interval begins, in pixels, within the grid.
        stop: where it ends, start < stop.
        cell: pixels to one cell.
        cells: number of cells.
    Returns:
        float64, (cells,): weights of sum 1.
    """
    edges = np.arange(cells + 1) * cell
    covered = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
    weights = np.clip(covered, 0.0, None)
    total: NDArray[np.float64] = weights / weights.sum()
    return total


def box_means(grid: Tensor, boxes: Sequence[Box], height: float, width: float) -> FloatArray:
    """Mean of a grid of features over boxes, each cell weighted by its coverage.

    Args:
        grid: float, (channels, h, w), on any device.
        boxes: in pixels of the picture of ``height`` x ``width`` that the grid covers.
    Returns:
        float32, (boxes, channels).
    """
    import torch

    h, w = grid.shape[1:]
    rows = np.array([coverage(box.y0, box.y1, height / h, h) for box in boxes]).reshape(-1, h)
    columns = np.array([coverage(box.x0, box.x1, width / w, w) for box in boxes]).reshape(-1, w)
    weights = (torch.from_numpy(part).to(grid.device, torch.float32) for part in (rows, columns))
    means: FloatArray = torch.einsum("bh,bw,chw->bc", *weights, grid.float()).cpu().numpy()
    return means


def unit_rows(features: NDArray[np.floating]) -> FloatArray:
    """Rows divided by their L2 norm; a row of zeros, which has no direction, becomes a constant one.

    Args:
        features: float, (rows, dims), finite.
    Returns:
        float32, (rows, dims), rows of unit L2 norm.
    """
    norms = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    constant = np.full_like(features, features.shape[1] ** -0.5, dtype=np.float64)
    units: FloatArray = np.where(norms > 0, features / np.where(norms > 0, norms, 1.0), constant).astype(np.float32)
    return units
