"""When a patch shows an element."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from diffmine.numerics.upsampling import window_means
from diffmine.types import BoolArray, Box

SHARE_OF_PATCH = 0.25
SHARE_OF_ELEMENT = 0.5


def shows(mask: BoolArray, box: Box) -> bool:
    """Whether at least a quarter of the patch is element, or at least half of the element is in it.

    Args:
        mask: bool, (height, width), True on the element.
        box: the patch.
    """
    inside = mask[box.slices()].sum()
    return bool(inside > 0 and (inside >= SHARE_OF_PATCH * box.area or inside >= SHARE_OF_ELEMENT * mask.sum()))


def chance_to_show(mask: BoolArray, size: int) -> float:
    """Share of the positions (stride 1) at which a square patch of this side shows the element."""
    inside = np.rint(window_means(mask.astype(np.float64), size) * size**2)
    showing = (inside >= SHARE_OF_PATCH * size**2) | (inside >= SHARE_OF_ELEMENT * mask.sum())
    return float((showing & (inside > 0)).mean())


def shown_kind(masks: Mapping[str, BoolArray], box: Box) -> str:
    """The element that a patch shows; of several, the one with the most pixels in it; of none, the empty string."""
    pixels = {kind: int(mask[box.slices()].sum()) for kind, mask in sorted(masks.items()) if shows(mask, box)}
    return max(pixels, key=lambda kind: pixels[kind], default="")
