"""Columns of numbers as the page holds them: bytes in base64, which a browser reads many times faster than JSON."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = (np.uint8, np.uint16, np.uint32)


def packed(values: NDArray[Any]) -> dict[str, str]:
    """A column as ``type`` and ``base64``, little-endian; ``app/data.js`` reads it.

    Args:
        values: whole numbers from 0 to 2**32 - 1, kept exactly and in as few bytes as they take; or numbers, kept as
            float32, what is missing as NaN.
    Raises:
        ValueError: a whole number is out of range.
    """
    if values.dtype.kind == "f":
        return _told(values.astype(np.float32))
    if len(values) and (values.min() < 0 or values.max() > np.iinfo(np.uint32).max):
        raise ValueError(f"whole numbers from {values.min()} to {values.max()} do not fit; from 0 to 2**32 - 1 do")
    largest = values.max(initial=0)
    kind = next(one for one in _WHOLE if largest <= np.iinfo(one).max)
    return _told(values.astype(kind))


def _told(values: NDArray[Any]) -> dict[str, str]:
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return {"type": values.dtype.name, "base64": base64.b64encode(np.ascontiguousarray(little).tobytes()).decode()}
