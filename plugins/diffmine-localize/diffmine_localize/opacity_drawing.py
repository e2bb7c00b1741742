"""Grey pictures that are built like chest X-rays, with opacities whose place and look depend on the finding.

They are drawings: nothing in them is medicine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffmine.types import ByteArray

Grey = NDArray[np.float64]


class Blob(NamedTuple):
    """A soft ellipse; places and lengths as shares of the picture's side.

    Attributes:
        y, x: its middle.
        height, width: its half axes, where its brightness has fallen by half.
        brightness: added in the middle; negative is darker.
        hardness: how steeply it ends; 2 is a Gaussian.
    """

    y: float
    x: float
    height: float
    width: float
    brightness: float
    hardness: float = 2.0

    def on(self, side: int) -> Grey:
        """Its brightness, (side, side)."""
        y, x = (np.arange(side) + 0.5)[:, None] / side, (np.arange(side) + 0.5)[None] / side
        distance = np.hypot((y - self.y) / self.height, (x - self.x) / self.width)
        return np.asarray(self.brightness * 0.5 ** (distance**self.hardness))

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height, as shares of the side, cut off at the picture's edge."""
        left, right = (min(max(self.x + sign * self.width, 0.0), 1.0) for sign in (-1, 1))
        top, bottom = (min(max(self.y + sign * self.height, 0.0), 1.0) for sign in (-1, 1))
        return left, top, right - left, bottom - top


def _mass(draw: np.random.Generator) -> Blob:
    """A small bright disc with a sharp edge, anywhere in a lung."""
    radius = draw.uniform(0.06, 0.09)
    return Blob(
        draw.uniform(0.3, 0.7), _side(draw, draw.uniform(0.2, 0.34)), radius, radius, draw.uniform(0.35, 0.5), 6
    )


def _infiltrate(draw: np.random.Generator) -> Blob:
    """A large faint cloud in an upper or middle lung."""
    size = draw.uniform(0.11, 0.15)
    return Blob(
        draw.uniform(0.3, 0.55), _side(draw, draw.uniform(0.24, 0.32)), size, size * 0.9, draw.uniform(0.2, 0.3)
    )


def _effusion(draw: np.random.Generator) -> Blob:
    """A bright, flat band at the bottom of a lung."""
    height = draw.uniform(0.07, 0.11)
    return Blob(0.86 - height / 2, _side(draw, 0.27), height, draw.uniform(0.16, 0.19), draw.uniform(0.35, 0.5), 4)


def _cardiomegaly(draw: np.random.Generator) -> Blob:
    """A heart that is too wide."""
    return Blob(0.66, 0.54, draw.uniform(0.15, 0.18), draw.uniform(0.24, 0.28), draw.uniform(0.25, 0.35), 5)


DRAWN: Mapping[str, Callable[[np.random.Generator], Blob]] = {
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Infiltration": _infiltrate,
    "Mass": _mass,
}
"""Finding -> what draws it; the names are of ChestX-ray14."""


def _side(draw: np.random.Generator, x: float) -> float:
    return x if draw.random() < 0.5 else 1 - x


def chest(draw: np.random.Generator, blobs: Sequence[Blob], side: int) -> ByteArray:
    """A picture with these opacities, uint8, (side, side, 3)."""
    shift, wide = draw.normal(0, 0.012), draw.normal(1, 0.04)
    body = [
        Blob(0.6, 0.5, 0.75, 0.48 * wide, 0.45, 8),  # the trunk
        Blob(0.1, 0.5, 0.2, 0.16, 0.12, 4),  # the neck
        *(Blob(0.5 + shift, 0.5 + sign * 0.23, 0.33, 0.15 * wide, -0.3, 6) for sign in (-1, 1)),  # the lungs
        Blob(0.5, 0.5, 0.6, 0.055, 0.22, 4),  # the spine
        Blob(0.68 + shift, 0.55, 0.13, 0.13, 0.18, 4),  # the heart
    ]
    grey = 0.12 + sum(blob.on(side) for blob in [*body, *blobs])
    y, x = (np.arange(side) + 0.5)[:, None] / side, (np.arange(side) + 0.5)[None] / side
    grey = grey + 0.03 * np.cos(2 * np.pi * (11 * y + 3 * np.abs(x - 0.5) + draw.random()))  # ribs
    light = 1 + draw.normal(0, 0.06) + 0.15 * draw.normal() * (x - 0.5)
    grey = grey * light + draw.normal(0, 0.02, (side, side))
    pixels = np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return np.repeat(pixels[:, :, None], 3, axis=2)
