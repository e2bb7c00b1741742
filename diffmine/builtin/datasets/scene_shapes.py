"""What lies on the benches of ``scenes``: shapes of flat polygons, as numbers.

A shape fills about the square [-1, 1] x [-1, 1] (y downwards); its parts are painted in order, each in the thing's own
colour times a shade: below 1 darker, above 1 lighter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

Point = tuple[float, float]


class Part(NamedTuple):
    """A filled polygon, and what its thing's colour is multiplied with."""

    points: tuple[Point, ...]
    shade: float


Shape = tuple[Part, ...]


def _polygon(*points: Point, shade: float = 1.0) -> Part:
    return Part(points, shade)


def _disc(x: float, y: float, rx: float, ry: float | None = None, *, shade: float = 1.0) -> Part:
    ry = rx if ry is None else ry
    turns = [2 * math.pi * step / 32 for step in range(32)]
    return Part(tuple((x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns), shade)


def _bar(x0: float, y0: float, x1: float, y1: float, width: float, *, shade: float = 1.0) -> Part:
    length = math.hypot(x1 - x0, y1 - y0)
    across, along = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
    corners = (
        (x0 + across, y0 + along),
        (x1 + across, y1 + along),
        (x1 - across, y1 - along),
        (x0 - across, y0 - along),
    )
    return Part(corners, shade)


def _saw_blade(teeth: int = 12) -> Part:
    rim = [(1.0 if step % 2 == 0 else 0.78, math.pi * step / teeth) for step in range(2 * teeth)]
    return Part(tuple((radius * math.cos(turn + 0.22 * radius), radius * math.sin(turn)) for radius, turn in rim), 1.0)


def _petals(count: int = 6) -> list[Part]:
    turns = [2 * math.pi * petal / count for petal in range(count)]
    return [_disc(0.58 * math.cos(turn), 0.58 * math.sin(turn), 0.4) for turn in turns]


SHAPES: Mapping[str, Shape] = {
    "fish": (
        _polygon((0.45, 0.0), (1.0, -0.5), (0.88, 0.0), (1.0, 0.5), shade=0.7),
        _polygon((-0.15, -0.3), (0.15, -0.75), (0.35, -0.2), shade=0.7),
        _disc(-0.15, 0.0, 0.8, 0.45),
        _disc(-0.15, 0.2, 0.55, 0.2, shade=1.3),
        _bar(-0.42, -0.35, -0.42, 0.35, 0.08, shade=0.6),
        _disc(-0.65, -0.1, 0.12, shade=0.2),
    ),
    "float": (
        _bar(0.0, -1.0, 0.0, 1.0, 0.14, shade=0.4),
        _disc(0.0, 0.0, 0.6),
        _polygon((-0.58, 0.12), (0.58, 0.12), (0.42, 0.43), (0.0, 0.6), (-0.42, 0.43), shade=1.8),
        _bar(-0.6, 0.06, 0.6, 0.06, 0.14, shade=0.3),
    ),
    "hammer": (
        _bar(0.0, -0.5, 0.0, 1.0, 0.26, shade=1.35),
        _polygon((-0.75, -0.85), (0.45, -0.85), (0.95, -0.4), (0.4, -0.4), (-0.75, -0.4), shade=0.7),
        _bar(-0.75, -0.9, -0.75, -0.35, 0.22, shade=0.5),
    ),
    "saw": (_saw_blade(), _disc(0.0, 0.0, 0.55, shade=1.25), _disc(0.0, 0.0, 0.2, shade=0.3)),
    "flower": (*_petals(), _disc(0.0, 0.0, 0.34, shade=0.45), _disc(0.0, 0.0, 0.2, shade=1.6)),
    "carrot": (
        _bar(0.0, -0.4, -0.4, -1.0, 0.2, shade=0.45),
        _bar(0.0, -0.4, 0.0, -1.0, 0.2, shade=0.6),
        _bar(0.0, -0.4, 0.4, -1.0, 0.2, shade=0.45),
        _polygon((-0.45, -0.45), (-0.2, -0.6), (0.2, -0.6), (0.45, -0.45), (0.12, 0.8), (0.0, 1.0), (-0.12, 0.8)),
        _bar(-0.4, -0.2, 0.0, -0.15, 0.09, shade=0.7),
        _bar(0.3, 0.1, 0.0, 0.15, 0.09, shade=0.7),
        _bar(-0.22, 0.4, 0.0, 0.45, 0.09, shade=0.7),
    ),
    "key": (
        _bar(-0.2, 0.0, 1.0, 0.0, 0.22),
        _bar(0.62, 0.0, 0.62, 0.42, 0.17),
        _bar(0.9, 0.0, 0.9, 0.5, 0.17),
        _disc(-0.5, 0.0, 0.5),
        _disc(-0.5, 0.0, 0.34, shade=0.6),
        _disc(-0.6, 0.0, 0.15, shade=1.6),
    ),
    "padlock": (
        _disc(0.0, -0.4, 0.55, 0.6, shade=0.6),
        _disc(0.0, -0.4, 0.32, 0.37, shade=1.7),
        _polygon((-0.75, -0.25), (0.75, -0.25), (0.75, 0.95), (-0.75, 0.95)),
        _bar(-0.75, -0.18, 0.75, -0.18, 0.16, shade=1.3),
        _disc(0.0, 0.22, 0.17, shade=0.25),
        _bar(0.0, 0.25, 0.0, 0.68, 0.14, shade=0.25),
    ),
    "palette": (
        _disc(0.0, 0.0, 1.0, 0.8),
        _disc(0.45, 0.35, 0.2, shade=0.35),
        _disc(-0.55, 0.1, 0.2, shade=1.7),
        _disc(-0.25, -0.4, 0.2, shade=0.55),
        _disc(0.3, -0.42, 0.2, shade=1.45),
        _disc(-0.2, 0.48, 0.18, shade=0.7),
    ),
    "brush": (
        _bar(0.0, -0.1, 0.0, 1.0, 0.22, shade=1.3),
        _bar(0.0, -0.32, 0.0, 0.05, 0.44, shade=0.6),
        _polygon((-0.3, -0.3), (-0.36, -0.65), (0.0, -1.0), (0.36, -0.65), (0.3, -0.3)),
    ),
    "button": (
        _disc(0.0, 0.0, 0.85, shade=0.75),
        _disc(0.0, 0.0, 0.66),
        *(_disc(x, y, 0.15, shade=0.25) for x in (-0.25, 0.25) for y in (-0.25, 0.25)),
    ),
    "spool": (
        _bar(-0.62, 0.0, 0.62, 0.0, 1.2),
        *(_bar(x, -0.6, x, 0.6, 0.1, shade=0.7) for x in (-0.4, -0.15, 0.1, 0.35)),
        _bar(-0.75, -0.85, -0.75, 0.85, 0.3, shade=1.35),
        _bar(0.75, -0.85, 0.75, 0.85, 0.3, shade=1.35),
    ),
    "card": (
        _polygon((-0.85, -0.6), (0.85, -0.6), (0.85, 0.6), (-0.85, 0.6), shade=1.4),
        *(_bar(-0.6, y, 0.6, y, 0.12, shade=0.8) for y in (-0.3, 0.0, 0.3)),
    ),
    "coin": (_disc(0.0, 0.0, 0.6, shade=0.75), _disc(0.0, 0.0, 0.45, shade=1.2)),
    "cup": (
        _bar(0.4, 0.0, 1.0, 0.0, 0.28, shade=0.8),
        _disc(-0.1, 0.0, 0.75),
        _disc(-0.1, 0.0, 0.55, shade=0.4),
    ),
    "leaf": (
        _polygon((-0.9, 0.0), (-0.4, -0.42), (0.3, -0.4), (0.95, 0.0), (0.3, 0.4), (-0.4, 0.42)),
        _bar(-0.9, 0.0, 0.8, 0.0, 0.09, shade=0.6),
    ),
    "pebble": (_disc(0.0, 0.0, 0.7, 0.5), _disc(-0.15, -0.12, 0.35, 0.2, shade=1.2)),
    "ruler": (
        _bar(-1.0, 0.0, 1.0, 0.0, 0.4, shade=1.2),
        *(_bar(x, -0.2, x, 0.02, 0.07, shade=0.5) for x in (-0.75, -0.45, -0.15, 0.15, 0.45, 0.75)),
    ),
}
"""Name -> shape, of elements and of distractors."""
