"""The standard error of a patch's mean, from the errors of a map's cells and how they hang together."""

from __future__ import annotations

import numpy as np

from diffmine.numerics.autocorrelation import autocorrelation
from diffmine.numerics.upsampling import window_weights
from diffmine.types import Box, FloatArray


def patch_stderr(
    box: Box, stderr: FloatArray, correlation: FloatArray | None, stride: int, height: int, width: int
) -> float:
    """Standard error of the mean over a box of a map brought to image size.

    With w_i the weight of cell i in the mean, the variance is the sum over cells i and j of
    w_i w_j s_i s_j r(i - j), where s is the cells' standard error and r the correlation of their errors by lag.

    Args:
        box: in pixels.
        stderr: of the cells, (h, w).
        correlation: r, (2 n + 1, 2 n + 1), lag 0 in the middle, 0 beyond; None: the errors may move together, and the
            mean of the cells' errors, weighted, is what comes back, an upper bound.
        stride: image pixels to one cell.
        height, width: of the image.
    """
    weighted = stderr.astype(np.float64) * window_weights(box, stderr.shape, stride, height, width)
    if correlation is None:
        return float(weighted.sum())
    touched = weighted[np.ix_(weighted.any(1), weighted.any(0))]
    if not touched.size:
        return 0.0
    return float(np.sqrt(max(0.0, (correlation * autocorrelation(touched[None])).sum())))
