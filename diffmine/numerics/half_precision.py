"""Values as they are stored where few digits do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffmine.types import FloatArray

LIMIT = 65_504.0
"""The largest float16."""


def compact(values: FloatArray) -> NDArray[Any]:
    """The values as float16, or as they are where that does not hold them."""
    return values.astype(np.float16 if np.abs(values).max(initial=0) < LIMIT else np.float32)
