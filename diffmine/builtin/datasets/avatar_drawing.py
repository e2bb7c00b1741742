"""Drawn faces with one known element a town, from the style avataaars.

Remix of "Avataaars" (https://avataaars.com/) by Pablo Stanley, free for personal and commercial use, as packaged by
DiceBear. Every picture is keyed by (seed, town, index): equal on every machine, whatever else is drawn.
"""

from __future__ import annotations

import importlib.resources
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, ByteArray

if TYPE_CHECKING:
    from dicebear import Style

PACKAGES = ("dicebear-core", "dicebear-styles", "resvg-py")
"""The distributions behind the drawings, the extra ``demo``."""

HAIR = (
    "bigHair", "bob", "bun", "curly", "curvy", "dreads", "dreads01", "fro", "longButNotTooLong", "shortCurly",
    "shortFlat", "shortRound", "shortWaved", "sides", "straight01", "straight02",
)  # fmt: skip
CLOTHES = ("hoodie", "shirtCrewNeck", "shirtScoopNeck", "shirtVNeck")
DISTRACTORS = {"accessories": "wayfarers", "facialHair": "moustacheMagnum"}
"""Part of the face -> what every town wears there now and then: sunglasses and moustaches."""
PALETTES = {"top": "hat"}
"""Part of the face -> the style's palette that its elements are painted from, where it is not called like the part."""
DISTRACTOR_FREQUENCY = 0.25
MIN_CONTRAST = 40
"""Mean difference, in grey levels, between the element and what is there without it; fainter ones are drawn anew."""
FRINGE = 12
"""Differences up to this many grey levels are the faint rim that smooth edges leave, and do not count for contrast."""
COVERED = 0.25
"""A pixel is the element's where the element's paint makes up at least this share of it."""
SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True)
class Element:
    """What is typical of a town.

    Attributes:
        part: the part of the drawing that it takes the place of.
        variant: its name in the style.
        description: in words.
    """

    part: str
    variant: str
    description: str


ELEMENTS: Mapping[str, Element] = {
    "Beardstown": Element("facialHair", "beardMajestic", "full beard"),
    "Glassboro": Element("accessories", "round", "round glasses"),
    "Hatfield": Element("top", "hat", "hat"),
    "Overton": Element("clothes", "overall", "overalls"),
    "Patchway": Element("accessories", "eyepatch", "eyepatch"),
    "Turbana": Element("top", "turban", "turban"),
}
"""Town -> its element."""


def draw(seed: int, town: str, index: int, size: int, frequency: float) -> tuple[ByteArray, BoolArray | None]:
    """Draw one picture.

    Args:
        size: its side in pixels.
        frequency: share of the town's pictures that have its element.
    Returns:
        the picture, uint8, (size, size, 3), and where the element is, bool, (size, size): the pixels that its own
        paint makes up to at least a quarter, and not those where it takes the place of hair; None where the picture
        does not have it.
    """
    face, picture, has_element = _chosen(seed, town, index, size, frequency)
    return picture, face.paint_of(ELEMENTS[town], size) >= COVERED if has_element else None


def element_colour(seed: int, town: str, index: int, size: int, frequency: float) -> str | None:
    """The colour in which :func:`draw` paints the town's element in a picture, ``#rrggbb``; None where it has none."""
    face, _, has_element = _chosen(seed, town, index, size, frequency)
    return face.colour_of(ELEMENTS[town]) if has_element else None


def _chosen(seed: int, town: str, index: int, size: int, frequency: float) -> tuple[Face, ByteArray, bool]:
    """The face of a picture, the picture, and whether it wears the town's element, seen well enough."""
    has_element = numpy_generator(seed, "avatars", town, index, "element").random() < frequency
    attempt = 0
    while True:
        face = plain_face(seed, town, index, attempt)
        if not has_element:
            return face, face.render(size), False
        worn = face.wearing(ELEMENTS[town].part, ELEMENTS[town].variant)
        picture = worn.render(size)
        difference = np.abs(picture.astype(np.int16) - face.render(size)).max(axis=2)
        changed = difference[difference > FRINGE]
        if len(changed) and changed.mean() >= MIN_CONTRAST:
            return worn, picture, True
        attempt += 1


@dataclass(frozen=True, slots=True)
class Face:
    """A face that can be drawn.

    Attributes:
        options: of the style.
        background: colour behind it, ``#rrggbb``.
    """

    options: Mapping[str, Any]
    background: str

    def wearing(self, part: str, variant: str) -> Face:
        worn = {f"{part}Variant": [variant], f"{part}Probability": 100}
        return Face({**self.options, **worn}, self.background)

    def without(self, part: str) -> Face:
        return Face({**self.options, f"{part}Probability": 0}, self.background)

    def svg(self) -> str:
        from dicebear import Avatar

        return Avatar(_style(), dict(self.options)).to_string()

    def render(self, size: int) -> ByteArray:
        return _render(self.svg(), size, self.background)

    def colour_of(self, element: Element) -> str:
        """The paint of the element that varies from picture to picture, ``#rrggbb``."""
        palettes = _style_definition()["colors"]
        choices = set(palettes[PALETTES.get(element.part, element.part)]["values"])
        fills = (shape.get("fill", "").lower() for shape in _shapes(ElementTree.fromstring(self.svg()), element))
        return next(fill for fill in fills if fill in choices)

    def paint_of(self, element: Element, size: int) -> NDArray[np.float64]:
        """The share of each pixel that the element paints, (size, size): how far it turns from black to white if the
        element does."""
        black, white = (
            _render(_recoloured(self.svg(), element, colour), size, self.background) for colour in ("black", "white")
        )
        share: NDArray[np.float64] = (white.astype(np.int16) - black).max(axis=2) / 255
        return share


def _shapes(drawing: ElementTree.Element, element: Element) -> Iterator[ElementTree.Element]:
    """The filled shapes of the element in a drawing."""
    for group in drawing.iter(f"{SVG}g"):
        if group.get("id", "").startswith(f"{element.part}-{element.variant}-"):
            yield from (shape for shape in group.iter() if "fill" in shape.attrib)


def _render(svg: str, size: int, background: str) -> ByteArray:
    import resvg_py

    # No text is drawn, and loading the system's fonts costs more than the drawing itself.
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, background=background, skip_system_fonts=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _recoloured(svg: str, element: Element, colour: str) -> str:
    """The drawing with every shape of the element in one colour, as opaque as it is."""
    drawing = ElementTree.fromstring(svg)
    for shape in _shapes(drawing, element):
        shape.set("fill", colour)
    return ElementTree.tostring(drawing, encoding="unicode")


def plain_face(seed: int, town: str, index: int, attempt: int) -> Face:
    """A face without any town's element; equal arguments give equal faces, and the town decides nothing else."""
    rng = numpy_generator(seed, "avatars", town, index, attempt)
    background = "#" + "".join(f"{level:02x}" for level in rng.integers(140, 256, 3))
    # The style draws skin, colours and expression from its own seed, each by the name of what it is for.
    face = Face({"seed": str(rng.integers(2**53))}, background)
    face = face.wearing("top", str(rng.choice(HAIR))).wearing("clothes", str(rng.choice(CLOTHES)))
    for part, variant in DISTRACTORS.items():
        worn = rng.random() < DISTRACTOR_FREQUENCY
        face = face.wearing(part, variant) if worn else face.without(part)
    return face


@cache
def _style() -> Style:
    from dicebear import Style

    return Style(_style_definition())


@cache
def _style_definition() -> dict[str, Any]:
    text = importlib.resources.files("dicebear_styles").joinpath("avataaars.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(text)
    return definition
