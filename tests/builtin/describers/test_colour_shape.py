"""Describer ``colour-shape``."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.builtin.describers.colour_shape import ColourShape, colours, places, shapes
from diffmine.testing.contracts.describers import DescriberContract
from diffmine.testing.planted import planted_run
from diffmine.types import Box, ImageRecord, Word

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


def test_a_colour_that_is_everywhere_is_not_said() -> None:
    blue = np.full((4, 8, 8, 3), (30, 60, 200), dtype=np.uint8)
    assert dict(colours(blue, {"blue": 0.1}))["blue"] == 1
    assert dict(colours(blue, {"blue": 0.9}))["blue"] == 0


def test_stripes_are_said_with_their_share() -> None:
    x = np.tile(np.arange(48), (48, 1))
    striped = np.repeat(np.rint(128 + 100 * np.sin(x * 2 * np.pi / 8))[..., None], 3, axis=-1).astype(np.uint8)
    blank = np.full_like(striped, 128)
    words = dict(shapes(np.stack([striped, striped, striped, blank])))
    assert words == {"upright lines": 0.75, "plain": 0.25, "repeated": 0.75}
