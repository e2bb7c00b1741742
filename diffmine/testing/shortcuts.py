"""Shortcuts to plant in the pictures of a label: marks that give it away and are no part of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from diffmine.types import ByteArray

Shortcut = Literal["watermark", "tag", "frame", "time stamp", "colour cast"]
SHORTCUTS: tuple[Shortcut, ...] = get_args(Shortcut)
OPACITY = 0.8
"""Of the watermark."""
WARM = np.array([1.0, 0.9, 0.72])
"""What the colour cast multiplies red, green and blue by."""


def planted(pixels: ByteArray, kind: Shortcut, generator: np.random.Generator) -> ByteArray:
    """A picture with a shortcut.

    Args:
        pixels: uint8, (height, width, 3); at least 32 pixels on each side.
        kind: ``watermark``, half-transparent white letters in the lower right corner; ``tag``, a yellow disc with a dot
            in the upper left corner; ``frame``, a dark line around the picture; ``time stamp``, orange digits at the
            lower left, other ones in each picture; ``colour cast``, as of a lamp, over the whole picture.
        generator: draws what differs between the pictures.
    Returns:
        uint8, (height, width, 3).
    """
    painted = _PAINTERS[kind](pixels, generator)
    return np.clip(painted, 0, 255).astype(np.uint8)


def _watermark(pixels: ByteArray, generator: np.random.Generator) -> ByteArray:
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    layer = image.copy()
    size = max(9, height // 7)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(layer).text((width - 2, height - 2), "ABC", "white", font, anchor="rb", stroke_width=0)
    return np.asarray(Image.blend(image, layer, OPACITY))


def _tag(pixels: ByteArray, generator: np.random.Generator) -> ByteArray:
    image = Image.fromarray(pixels)
    side = max(8, pixels.shape[0] // 7)
    brush = ImageDraw.Draw(image)
    brush.ellipse((2, 2, 2 + side, 2 + side), fill=(250, 210, 40), outline=(40, 40, 40))
    brush.ellipse((2 + side // 3, 2 + side // 3, 2 + 2 * side // 3, 2 + 2 * side // 3), fill=(200, 30, 30))
    return np.asarray(image)


def _frame(pixels: ByteArray, generator: np.random.Generator) -> ByteArray:
    painted, line = pixels.copy(), max(2, pixels.shape[0] // 24)
    inside = painted[line:-line, line:-line].copy()
    painted[:] = (30, 30, 36)
    painted[line:-line, line:-line] = inside
    return painted


def _time_stamp(pixels: ByteArray, generator: np.random.Generator) -> ByteArray:
    image = Image.fromarray(pixels)
    hour, minute = int(generator.integers(24)), int(generator.integers(60))
    font = ImageFont.load_default(max(10, pixels.shape[0] // 6))
    ImageDraw.Draw(image).text((2, pixels.shape[0] - 2), f"{hour:02}:{minute:02}", (255, 140, 20), font, anchor="lb")
    return np.asarray(image)


def _colour_cast(pixels: ByteArray, generator: np.random.Generator) -> ByteArray:
    warm: ByteArray = np.clip(np.rint(pixels * WARM), 0, 255).astype(np.uint8)
    return warm


_PAINTERS: dict[Shortcut, Callable[[ByteArray, np.random.Generator], ByteArray]] = {
    "watermark": _watermark,
    "tag": _tag,
    "frame": _frame,
    "time stamp": _time_stamp,
    "colour cast": _colour_cast,
}
