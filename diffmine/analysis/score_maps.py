"""Maps as score maps: scaled to [0, 1] each by itself, so that one threshold fits all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diffmine.types import FloatArray


def normalized(values: FloatArray) -> NDArray[np.float64]:
    """The map with its least value at 0 and its greatest at 1, float64; a flat one is 0 everywhere."""
    scores = values.astype(np.float64)
    spread = float(np.ptp(scores))
    return (scores - scores.min()) / spread if spread > 0 else np.zeros_like(scores)
