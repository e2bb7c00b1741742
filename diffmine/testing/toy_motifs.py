"""Drawn pictures with one motif for each cluster, at known places."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from diffmine.numerics.seeding import derive_seed, numpy_generator
from diffmine.types import Box, ByteArray

CELLS = (4, 3)
"""Motif places of a picture: across, down."""


def cell_box(cell: int, side: int) -> Box:
    """The box of a place; places count from the upper left."""
    y0, x0 = cell // CELLS[0] * side, cell % CELLS[0] * side
    return Box(y0, x0, y0 + side, x0 + side)


def draw_picture(motifs: dict[int, tuple[str, int]], side: int, key: object) -> ByteArray:
    """A noisy ground with motifs on it.

    Args:
        motifs: place -> (label, cluster) whose motif to draw there.
        side: of a place, pixels.
    Returns:
        uint8, (3 side, 4 side, 3).
    """
    noise = numpy_generator("toy ground", key)
    width, height = CELLS[0] * side, CELLS[1] * side
    coarse = noise.integers(90, 190, (6, 8, 3), dtype=np.uint8)
    ground = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    grainy = np.clip(ground + noise.normal(0, 6, (height, width, 1)).astype(np.int16), 0, 255).astype(np.uint8)
    picture = Image.fromarray(grainy)
    for cell, (label, cluster) in motifs.items():
        _draw_motif(ImageDraw.Draw(picture), cell_box(cell, side), label, cluster, noise)
    return np.asarray(picture)


def _draw_motif(draw: ImageDraw.ImageDraw, box: Box, label: str, cluster: int, noise: np.random.Generator) -> None:
    kind = derive_seed("toy motif", label, cluster)
    hue, lightness = (derive_seed("toy hue", label) % 360) / 360 + cluster * 0.07, 0.35 + kind % 7 * 0.05
    red, green, blue = (round(255 * one) for one in colorsys.hls_to_rgb(hue % 1, lightness, 0.7))
    side = box.y1 - box.y0
    jitter = noise.integers(-side // 16, side // 16 + 1, 2)
    middle = (box.x0 + side // 2 + int(jitter[0]), box.y0 + side // 2 + int(jitter[1]))
    radius = side * (0.28 + 0.04 * (kind // 7 % 4))
    corners = 3 + kind // 31 % 5
    draw.regular_polygon((*middle, radius), corners, rotation=kind % 90, fill=(red, green, blue), outline="white")
    ring = [middle[0] - radius / 3, middle[1] - radius / 3, middle[0] + radius / 3, middle[1] + radius / 3]
    shapes = (draw.ellipse, draw.rectangle)
    shapes[kind // 211 % 2](ring, fill=(255 - red, 255 - green, 255 - blue) if kind % 3 else "white")
