"""Drawn workbenches: two known elements a trade, anywhere among things that lie on every bench.

Every picture is keyed by (seed, trade, index): equal on every machine, whatever else is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from diffmine.builtin.datasets.scene_shapes import SHAPES, Point
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ByteArray

ELEMENTS: Mapping[str, tuple[str, str]] = {
    "Angler": ("fish", "float"),
    "Carpenter": ("hammer", "saw"),
    "Gardener": ("carrot", "flower"),
    "Locksmith": ("key", "padlock"),
    "Painter": ("brush", "palette"),
    "Tailor": ("button", "spool"),
}
"""Trade -> its two elements."""

DISTRACTORS = ("card", "coin", "cup", "leaf", "pebble", "ruler")
"""What lies on every bench."""

SHOWN = ((1,), (2,), (1, 2), (1, 2))
"""Which elements lie on a bench that has any, each with equal chance."""

COUNTS = (2, 3, 4)
"""How many distractors lie on a bench."""

RADII = (0.15, 0.21)
"""Half the side of a thing, as a share of the picture's."""

COLOURS = (
    (200, 60, 50), (225, 130, 40), (230, 190, 60), (90, 160, 70), (50, 140, 140), (60, 100, 190), (130, 80, 160),
    (210, 110, 150), (150, 100, 70), (120, 125, 135),
)  # fmt: skip
"""Of things and of benches, whatever they are: no colour tells a trade."""

MIN_CONTRAST = 90
"""Least difference between a thing's colour and its bench's, in grey levels summed over the channels."""

SAMPLES = 4
"""Of a pixel, along each axis."""

ATTEMPTS = 60
"""To find room for a thing before the bench is cleared and laid anew (an element) or the thing left out."""


Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something on a bench.

    Attributes:
        name: of its shape.
        element: 1 or 2, its place among the trade's elements; 0: a distractor.
        x, y: its middle, as a share of the picture's side.
        radius: half its side, as such a share.
        turn: in radians.
        colour: RGB.
    """

    name: str
    element: int
    x: float
    y: float
    radius: float
    turn: float
    colour: Colour

    def overlaps(self, other: Thing) -> bool:
        """Whether the circles around both touch."""
        return math.hypot(self.x - other.x, self.y - other.y) < self.radius + other.radius


@dataclass(frozen=True, slots=True)
class Scene:
    """A bench and what lies on it; no thing covers another.

    Attributes:
        boards: the colours of the bench's boards, RGB, from the first on.
        upright: whether the boards run from top to bottom.
        things: in any order.
    """

    boards: Sequence[Colour]
    upright: bool
    things: Sequence[Thing]

    def render(self, size: int) -> ByteArray:
        """The picture, uint8, (size, size, 3)."""
        canvas = Image.new("RGB", (size * SAMPLES, size * SAMPLES))
        painter = ImageDraw.Draw(canvas)
        for index, colour in enumerate(self.boards):
            start, end = (size * SAMPLES * place // len(self.boards) for place in (index, index + 1))
            last = size * SAMPLES - 1
            painter.rectangle((start, 0, end - 1, last) if self.upright else (0, start, last, end - 1), fill=colour)
        for thing in self.things:
            for part in SHAPES[thing.name]:
                painter.polygon(_placed(part.points, thing, size), fill=_shaded(thing.colour, part.shade))
        return np.asarray(canvas.reduce(SAMPLES))

    def elements(self, size: int) -> ByteArray:
        """Which element (1 or 2) paints a pixel, at least half of it; 0: neither; uint8, (size, size)."""
        found = np.zeros((size, size), dtype=np.uint8)
        for element in (1, 2):
            canvas = Image.new("L", (size * SAMPLES, size * SAMPLES))
            painter = ImageDraw.Draw(canvas)
            for thing in self.things:
                if thing.element == element:
                    for part in SHAPES[thing.name]:
                        painter.polygon(_placed(part.points, thing, size), fill=255)
            found[np.asarray(canvas.reduce(SAMPLES)) >= 128] = element
        return found


def lay(seed: int, trade: str, index: int, frequency: float) -> Scene:
    """Lay one bench.

    Args:
        frequency: share of the trade's pictures that show its elements: in half of these both, in the others one.
    """
    rng = numpy_generator(seed, "scenes", trade, index)
    shown = SHOWN[rng.integers(len(SHOWN))] if rng.random() < frequency else ()
    bench = COLOURS[rng.integers(len(COLOURS))]
    bench = (
        _shaded(bench, 0.45 + 0.2 * rng.random()) if rng.random() < 0.5 else _paled(bench, 0.55 + 0.2 * rng.random())
    )
    boards = [_shaded(bench, 0.94 + 0.12 * rng.random()) for _ in range(rng.integers(3, 7))]
    things = None
    while things is None:
        things = _elements(rng, [(ELEMENTS[trade][element - 1], element) for element in shown], bench)
    for _ in range(int(rng.choice(COUNTS))):
        thing = _room(rng, DISTRACTORS[rng.integers(len(DISTRACTORS))], 0, bench, things)
        things += [thing] if thing else []
    return Scene(boards, bool(rng.random() < 0.5), things)


def _elements(rng: np.random.Generator, shown: Sequence[tuple[str, int]], bench: Colour) -> list[Thing] | None:
    """The bench's elements; None where one found no room beside the others."""
    things: list[Thing] = []
    for name, element in shown:
        thing = _room(rng, name, element, bench, things)
        if thing is None:
            return None
        things.append(thing)
    return things


def _room(rng: np.random.Generator, name: str, element: int, bench: Colour, things: Sequence[Thing]) -> Thing | None:
    """A thing wherever there is room for it, if any is found."""
    colours = [one for one in COLOURS if sum(abs(a - b) for a, b in zip(one, bench, strict=True)) >= MIN_CONTRAST]
    colour = colours[rng.integers(len(colours))]
    for _ in range(ATTEMPTS):
        radius = RADII[0] + (RADII[1] - RADII[0]) * rng.random()
        x, y = radius + (1 - 2 * radius) * rng.random(2)
        thing = Thing(name, element, x, y, radius, 2 * math.pi * rng.random(), colour)
        if not any(thing.overlaps(other) for other in things):
            return thing
    return None


def _placed(points: Sequence[Point], thing: Thing, size: int) -> list[Point]:
    """A part's corners in samples, rounded to whole ones, so that no machine's rounding shows."""
    side = size * SAMPLES
    cos, sin = math.cos(thing.turn) * thing.radius, math.sin(thing.turn) * thing.radius
    return [
        (round(side * (thing.x + x * cos - y * sin)), round(side * (thing.y + x * sin + y * cos))) for x, y in points
    ]


def _shaded(colour: Colour, shade: float) -> Colour:
    red, green, blue = (min(255, round(level * shade)) for level in colour)
    return red, green, blue


def _paled(colour: Colour, share: float) -> Colour:
    red, green, blue = (round(level + (255 - level) * share) for level in colour)
    return red, green, blue
