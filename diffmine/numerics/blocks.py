"""Standard errors at half the resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diffmine.types import FloatArray


def halved(errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Root mean square over blocks of two by two cells; those at an odd edge are of one or two.

    Args:
        errors: (h, w).
    Returns:
        float64, (ceil(h / 2), ceil(w / 2)).
    """
    height, width = errors.shape
    padded = np.pad(errors.astype(np.float64), ((0, height % 2), (0, width % 2)), mode="edge")
    means: NDArray[np.float64] = np.square(padded).reshape(len(padded) // 2, 2, -1, 2).mean((1, 3))
    return np.sqrt(means)


def doubled(errors: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Each value for two by two cells.

    Args:
        errors: (ceil(h / 2), ceil(w / 2)).
        shape: (h, w).
    """
    return errors.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]
