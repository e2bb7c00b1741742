"""Small pictures out of half blocks: a character shows two pixels, one above the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from diffmine.types import ByteArray

UPPER_HALF = "▀"
SIDE = 10
"""Pixels along the side of a thumbnail: as many columns, half as many lines."""
GAP = 1


def can_show(console: Console) -> bool:
    """Whether the terminal has enough colours and the characters for pictures."""
    enough = console.is_terminal and not console.no_color and console.color_system in ("truecolor", "256", "windows")
    return enough and not console.options.ascii_only


def fitting(width: int) -> int:
    """Thumbnails that fit side by side in so many columns."""
    return max(0, (width + GAP) // (SIDE + GAP))


def strip(crops: Sequence[ByteArray] | ByteArray) -> Text:
    """Crops side by side.

    Args:
        crops: each uint8, (height, width, 3), all of one even height.
    """
    height = len(crops[0]) if len(crops) else 0
    lines = [Text(" " * GAP).join(_line(crop[row], crop[row + 1]) for crop in crops) for row in range(0, height, 2)]
    return Text("\n", no_wrap=True).join(lines)


def _line(upper: ByteArray, lower: ByteArray) -> Text:
    text = Text(no_wrap=True)
    for over, under in zip(np.asarray(upper).tolist(), np.asarray(lower).tolist(), strict=True):
        text.append(UPPER_HALF, Style(color=Color.from_rgb(*over), bgcolor=Color.from_rgb(*under)))
    return text
