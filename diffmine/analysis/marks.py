"""Marks: the same pixels at the same place in a label's pictures, and in those of no other label.

A hat sits at one place too, but hats differ in colour and shape; a watermark, a tag or a frame was copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.types import BoolArray, Box, ByteArray

TOLERANCE = 26
"""Grey levels by which a copied pixel may differ in each channel: for compression, and for marks that let some of the
picture through."""
MOST = 40
"""Pictures among which the value that most of them share is looked for."""
EXCESS = 0.25
"""Share of the pictures that have a mark's pixel, at least, beyond the share of other pictures that have it."""
OUTER = 1 / 6
LONGEST = 96
"""Pixels along a side at which marks are looked for; in larger pictures only every second, third ... pixel."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Pixels that pictures share.

    Attributes:
        value: uint8, (h, w, 3), what they share.
        mask: bool, (h, w), where.
        bottom, right: whether the places count from that side, so that they are the same in pictures of other sizes.
    """

    value: ByteArray
    mask: BoolArray
    bottom: bool
    right: bool

    def within(self, picture: ByteArray) -> BoolArray:
        """Where the mark lies in a picture, bool, (height, width)."""
        mask = np.zeros(picture.shape[:2], dtype=bool)
        _corner(mask, self.mask.shape, self.bottom, self.right)[...] = self.mask
        return mask

    def share_in(self, picture: ByteArray) -> float:
        """Share of the mark's pixels that a picture has."""
        window = _corner(picture, self.mask.shape, self.bottom, self.right).astype(np.int16)
        same = np.abs(window - self.value).max(axis=2) <= TOLERANCE
        return float(same[self.mask].mean()) if self.mask.any() else 0.0

    def share_of(self, box: Box, picture: ByteArray) -> float:
        """Share of a box that is mark."""
        return float(self.within(picture)[box.slices()].mean())

    def at_border(self) -> bool:
        """Whether most of it lies in the outer sixth of the pictures."""
        height, width = self.mask.shape
        y, x = np.nonzero(self.mask)
        depth = np.minimum.reduce([y, height - 1 - y]) / height, np.minimum.reduce([x, width - 1 - x]) / width
        return bool((np.minimum(*depth) < OUTER).mean() >= 0.5) if len(y) else False

    def to_cover(self, picture: ByteArray) -> BoolArray:
        """The mark and the pixels that touch it, which have some of its colour, bool, (height, width)."""
        from scipy.ndimage import binary_dilation

        grown: BoolArray = binary_dilation(self.within(picture), np.ones((3, 3), dtype=bool))
        return grown


def find_mark(
    pictures: Sequence[ByteArray], others: Sequence[ByteArray], *, bottom: bool = False, right: bool = False
) -> Mark:
    """The pixels that pictures share and others do not; an empty mask where there are none.

    Of each pixel the value is taken that is within ``TOLERANCE`` of as many pictures as can be. It is part of the mark
    where the share of the pictures that have it exceeds that of the others by ``EXCESS``, and the share that is usual
    among the pictures' pixels too: most pictures have some colour in common.

    Args:
        pictures: uint8, (height, width, 3), of any sizes; at least one.
        others: the same; where there is none, nothing tells a mark, and the mask is empty.
        bottom, right: the corner at which pictures of different sizes are laid on each other.
    """
    if not others:
        height, width = pictures[0].shape[:2]
        return Mark(pictures[0], np.zeros((height, width), dtype=bool), bottom, right)
    shapes = np.array([picture.shape[:2] for picture in (*pictures, *others)])
    size = (int(shapes[:, 0].min()), int(shapes[:, 1].min()))
    step = -(-max(size) // LONGEST)
    here = _stack(pictures, size, bottom, right, step)
    there = _stack(others, size, bottom, right, step)
    value = _commonest(here[:MOST])
    share = _having(here, value)
    mask = share - np.maximum(_having(there, value), np.median(share)) >= EXCESS
    return Mark(_enlarged(value, step, size).astype(np.uint8), _enlarged(mask, step, size), bottom, right)


def _commonest(stack: NDArray[np.int16]) -> NDArray[np.int16]:
    """Of each pixel the value that is near to that of most pictures, (h, w, 3)."""
    value: NDArray[np.int16] = stack[0].copy()
    best = np.zeros(stack.shape[1:3])
    for one in stack:
        share = _having(stack, one)
        better = share > best
        value[better], best[better] = one[better], share[better]
    return value


def _having(stack: NDArray[np.int16], value: NDArray[np.int16]) -> NDArray[np.float64]:
    """Share of the pictures whose pixel is as this one, (h, w)."""
    share: NDArray[np.float64] = (np.abs(stack - value).max(axis=3) <= TOLERANCE).mean(axis=0)
    return share


def _stack(
    pictures: Sequence[ByteArray], size: tuple[int, int], bottom: bool, right: bool, step: int
) -> NDArray[np.int16]:
    windows = [_corner(one, size, bottom, right)[::step, ::step] for one in pictures]
    stack: NDArray[np.int16] = np.stack(windows).astype(np.int16)
    return stack


def _corner(array: NDArray, size: tuple[int, ...], bottom: bool, right: bool) -> NDArray:  # type: ignore[type-arg]
    """A window at one corner; a view."""
    height, width = array.shape[:2]
    y = height - size[0] if bottom else 0
    x = width - size[1] if right else 0
    return array[y : y + size[0], x : x + size[1]]


def _enlarged(array: NDArray, step: int, size: tuple[int, int]) -> NDArray:  # type: ignore[type-arg]
    return array.repeat(step, axis=0).repeat(step, axis=1)[: size[0], : size[1]]
