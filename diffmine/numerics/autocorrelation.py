"""How the values of a field hang together with those beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 7
"""The farthest lag that is looked at, in cells along each axis."""


def autocorrelation(fields: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum over fields and cells i of f(i) f(i + lag), not normalised; what lies outside a field is 0.

    Args:
        fields: (fields, h, w).
    Returns:
        float64, (2 REACH + 1, 2 REACH + 1); lag (0, 0) in the middle.
    """
    height, width = fields.shape[1:]
    padded = (height + REACH, width + REACH)  # so that no lag wraps around
    power = np.square(np.abs(np.fft.rfft2(fields.astype(np.float64), padded))).sum(0)
    lags = np.arange(-REACH, REACH + 1)
    sums: NDArray[np.float64] = np.fft.irfft2(power, padded)[np.ix_(lags % padded[0], lags % padded[1])]
    return sums
