"""Describer ``colour-shape``."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.analysis.colour_terms import TERMS
from diffmine.builtin.describers.colour_shape import ColourShape, places, shapes
from diffmine.testing.contracts.describers import DescriberContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap, Word

RECORD = ImageRecord("a", "a.png", ("x",), width=120, height=90, digest="d", split="train")


class TestColourShape(DescriberContract):
    @pytest.fixture
    def describer(self) -> ColourShape:
        return ColourShape(ColourShape.Config())


def test_planted_squares_have_their_colours_and_stripes_do_not_come_of_nothing() -> None:
    """Of the three labels the squares are reddish, and turned by a channel each: greenish and bluish."""
    found = {
        one.label: {word.text for word in one.words} for one in ColourShape(ColourShape.Config()).words(planted_run())
    }
    expected = {"label0": {"red", "pink", "purple"}, "label1": {"green"}, "label2": {"blue", "purple"}}
    for label, terms in expected.items():
        assert found[label] & terms, found
    assert not any("lines" in text or text == "repeated" for words in found.values() for text in words)


@pytest.mark.parametrize(
    ("y", "x", "text"),
    [(0, 0, "top left"), (35, 50, "centre"), (70, 50, "bottom"), (35, 90, "right")],
)
def test_a_place_is_told_of_boxes_that_lie_there(y: int, x: int, text: str) -> None:
    boxes = [Box(y, x, y + 20, x + 20)] * 3 + [Box(0, 100, 20, 120)]
    (word,) = places(boxes, [RECORD] * 4)
    assert word == Word(text, 0.75)


def test_a_place_in_no_ninth_is_told_by_its_third() -> None:
    boxes = [Box(0, x, 20, x + 20) for x in (0, 50, 100)] + [Box(35, 50, 55, 70)]
    assert list(places(boxes, [RECORD] * 4)) == [Word("top", 0.75)]


def dressed(colour: tuple[int, int, int], *, where: str, label: str, count: int, skin: int) -> MemoryRun:
    """Faces of two labels, skins at random; those of ``label`` have a patch of one colour.

    Where it is ``everywhere``, so have the others; where ``all over``, so has the rest of the picture; where
    ``nowhere``, none has.
    """
    generator = np.random.default_rng(skin)
    records, maps, pictures, patches = [], [], {}, []
    for number in range(2 * count):
        own = "a" if number < count else "b"
        name = f"{own}{number}"
        pixels = np.empty((48, 48, 3), np.uint8)
        pixels[:] = [(97, 67, 51), (255, 219, 180), (208, 139, 91)][generator.integers(3)]
        pixels[:, 32:] = generator.integers(0, 256, 3)
        if where == "everywhere" or (own == label and where != "nowhere"):
            pixels[4:16, 4:16] = colour
            pixels[20:48, 0:30] = colour if where == "all over" else pixels[20:48, 0:30]
        typicality = np.zeros((12, 12), np.float32)
        typicality[1:4, 1:4] = 1
        records.append(ImageRecord(name, name, (own,), 48, 48, name, "heldout"))
        maps.append(TypicalityMap(name, own, typicality))
        pictures[name] = pixels
        patches += [Patch(name, own, Box(2, 2, 18, 18), 1.0, 0.1, "top", number)] if own == label else []
    row = {"label": label, "cluster": 0, "rank": 0, "size": count, "distinct": count, "images": count}
    row |= {"median_typicality": 1.0, "mean_typicality": 1.0}
    return MemoryRun(
        records, maps, stride=4, pictures=pictures, patches=patches, cluster=[0] * len(patches), clusters=[row]
    )


def said_colours(run: MemoryRun) -> set[str]:
    return {word.text for one in ColourShape(ColourShape.Config()).words(run) for word in one.words} & set(TERMS)


@pytest.mark.parametrize(("colour", "term"), [((30, 60, 200), "blue"), ((255, 72, 142), "pink"), ((9, 9, 9), "black")])
def test_a_colour_that_only_the_label_has_there_is_said(colour: tuple[int, int, int], term: str) -> None:
    assert said_colours(dressed(colour, where="own", label="a", count=12, skin=1)) == {term}


@pytest.mark.parametrize("where", ["everywhere", "all over"])
def test_a_colour_that_others_have_there_or_that_is_all_over_the_picture_is_not_said(where: str) -> None:
    assert said_colours(dressed((30, 60, 200), where=where, label="a", count=12, skin=1)) == set()


@pytest.mark.parametrize("skin", [2, 3, 4])
def test_nothing_is_said_where_nothing_is_worn(skin: int) -> None:
    assert said_colours(dressed((0, 0, 0), where="nowhere", label="a", count=12, skin=skin)) == set()


def test_stripes_are_said_with_their_share() -> None:
    x = np.tile(np.arange(48), (48, 1))
    striped = np.repeat(np.rint(128 + 100 * np.sin(x * 2 * np.pi / 8))[..., None], 3, axis=-1).astype(np.uint8)
    blank = np.full_like(striped, 128)
    words = dict(shapes(np.stack([striped, striped, striped, blank])))
    assert words == {"upright lines": 0.75, "plain": 0.25, "repeated": 0.75}
