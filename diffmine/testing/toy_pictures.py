"""Tiny labelled pictures with a known element a label, drawn in milliseconds."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, ByteArray

SHAPES = ("disc", "ring", "cross", "square")


def write_toy_folder(
    folder: Path, labels: Sequence[str] = ("a", "b"), per_label: int = 8, size: int = 32, seed: int = 0
) -> Path:
    """Write ``folder/LABEL/N.png``, and the element of each picture in ``toy_masks(folder)/LABEL/N.png``.

    Each label has a shape of its own colour, about a third of the picture wide, at a random place; every fourth
    picture goes without it (its mask is all black). All labels share a gradient background and grey boxes.

    Returns:
        ``folder``.
    """
    for position, label in enumerate(labels):
        for number in range(per_label):
            pixels, mask = toy_picture(position, len(labels), size, seed, number)
            for root, image in ((folder, Image.fromarray(pixels)), (toy_masks(folder), Image.fromarray(mask))):
                path = root / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
    return folder


def toy_masks(folder: Path) -> Path:
    """Where ``write_toy_folder`` puts the masks: beside ``folder``, so that they are no label of it."""
    return folder.parent / f"{folder.name}-masks"


def toy_picture(position: int, labels: int, size: int, seed: int, number: int) -> tuple[ByteArray, BoolArray]:
    """Picture ``number`` of the label at ``position`` of ``labels``.

    Returns:
        uint8, (size, size, 3), and bool, (size, size): True on the element.
    """
    rng = numpy_generator(seed, "toy picture", position, number)
    image = Image.fromarray(_background(rng, size))
    brush = ImageDraw.Draw(image)
    for _ in range(2):
        _shape(brush, "square", *_place(rng, size, size // 8), fill=(110, 110, 110))
    mask = Image.new("1", (size, size))
    place = _place(rng, size, size // 3)
    if number % 4 != 3:
        red, green, blue = (round(255 * level) for level in colorsys.hsv_to_rgb(position / labels, 0.9, 0.9))
        shape = SHAPES[position % len(SHAPES)]
        _shape(brush, shape, *place, fill=(red, green, blue))
        _shape(ImageDraw.Draw(mask), shape, *place, fill=1)
    return np.asarray(image), np.asarray(mask)


def _background(rng: np.random.Generator, size: int) -> ByteArray:
    corners = rng.uniform(130, 230, (2, 3))
    slope = np.linspace(0, 1, size)[:, None, None]
    gradient = corners[0] * (1 - slope) + corners[1] * slope + rng.normal(0, 4, (size, size, 3))
    pixels: ByteArray = np.clip(gradient, 0, 255).astype(np.uint8)
    return pixels


def _place(rng: np.random.Generator, size: int, side: int) -> tuple[int, int, int]:
    x, y = rng.integers(0, size - side, 2)
    return int(x), int(y), side


def _shape(brush: ImageDraw.ImageDraw, shape: str, x: int, y: int, side: int, fill: tuple[int, ...] | int) -> None:
    box, third = (x, y, x + side - 1, y + side - 1), side // 3
    if shape == "disc":
        brush.ellipse(box, fill=fill)
    elif shape == "ring":
        brush.ellipse(box, outline=fill, width=max(1, side // 5))
    elif shape == "cross":
        brush.rectangle((x + third, y, x + side - 1 - third, y + side - 1), fill=fill)
        brush.rectangle((x, y + third, x + side - 1, y + side - 1 - third), fill=fill)
    else:
        brush.rectangle(box, fill=fill)
