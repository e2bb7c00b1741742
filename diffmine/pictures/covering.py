"""Covering parts of a picture, as if what is there had never been there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from diffmine.types import BoolArray, Box, ByteArray


def cover(pixels: ByteArray, mask: BoolArray) -> ByteArray:
    """A picture with some of its pixels painted over from those around them.

    What is painted is the smoothest surface that goes on from its surroundings (biharmonic equation; Damelin & Hoang,
    *On Surface Completion and Image Inpainting by Biharmonic Functions*, 2018; scikit-image's implementation): it has
    no edges of its own, and all other pixels stay exactly as they are.

    Args:
        pixels: uint8, (height, width, 3).
        mask: bool, (height, width), True where to paint; everywhere means that there is nothing to go on from, and the
            picture becomes grey.
    Returns:
        uint8, (height, width, 3); a new array.
    """
    from skimage.restoration import inpaint_biharmonic

    if not mask.any():
        return pixels.copy()
    if mask.all():
        return np.full_like(pixels, 128)
    smooth = inpaint_biharmonic(pixels / 255.0, mask, channel_axis=2)
    painted = np.clip(np.rint(smooth * 255), 0, 255).astype(np.uint8)
    covered: ByteArray = np.where(mask[:, :, None], painted, pixels)
    return covered


def within(boxes: Iterable[Box], height: int, width: int) -> BoolArray:
    """Where boxes lie in a picture, bool, (height, width)."""
    mask = np.zeros((height, width), dtype=bool)
    for box in boxes:
        mask[box.slices()] = True
    return mask
