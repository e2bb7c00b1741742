"""How bright a picture is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diffmine.types import ByteArray

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue, ITU-R BT.601."""


def grey(pixels: ByteArray) -> NDArray[np.float64]:
    """Luma (BT.601), float64, (height, width), 0 to 255.

    Args:
        pixels: uint8, (height, width, 3).
    """
    luma: NDArray[np.float64] = pixels.astype(np.float64) @ LUMA
    return luma
