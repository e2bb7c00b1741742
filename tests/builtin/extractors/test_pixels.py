from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffmine.builtin.extractors.pixels import Pixels
from diffmine.interfaces import ModelTools, PatchRequest
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture, toy_tools
from diffmine.types import Box, ByteArray, FloatArray

COLOURS = 3 * 8 * 8
"""Values of the thumbnail; the rest are gradient histograms."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> ModelTools:
    return toy_tools(tmp_path_factory.mktemp("model"))


def features(tools: ModelTools, pixels: ByteArray, *boxes: Box) -> FloatArray:
    boxes = boxes or (Box(0, 0, *pixels.shape[:2]),)
    return Pixels(Pixels.Config()).open(tools).extract([PatchRequest(as_picture(pixels), "a", boxes)])[0]


@given(y=st.integers(0, 30), x=st.integers(0, 30), ground=st.integers(0, 255))
def test_a_crop_has_the_same_features_wherever_it_lies(tools: ModelTools, y: int, x: int, ground: int) -> None:
    crop = toy_picture(1, 2, 32, 0, 0)[0]
    canvas = np.full((64, 64, 3), ground, np.uint8)
    canvas[y : y + 32, x : x + 32] = crop
    np.testing.assert_allclose(features(tools, canvas, Box(y, x, y + 32, x + 32)), features(tools, crop), atol=1e-6)


def test_both_parts_have_equal_say(tools: ModelTools) -> None:
    row = features(tools, toy_picture(0, 2, 32, 0, 0)[0])[0]
    np.testing.assert_allclose([np.linalg.norm(row[:COLOURS]), np.linalg.norm(row[COLOURS:])], 2**-0.5, atol=1e-6)


def test_edges_are_blind_to_brightness_and_colours_are_not(tools: ModelTools) -> None:
    crop = (toy_picture(0, 2, 32, 0, 0)[0] // 2).astype(np.uint8)
    dark, bright = features(tools, np.concatenate([crop, crop + 100], axis=1), Box(0, 0, 32, 32), Box(0, 32, 32, 64))
    np.testing.assert_allclose(dark[COLOURS:], bright[COLOURS:], atol=1e-6)
    assert dark[:COLOURS] @ bright[:COLOURS] < 0.4


def test_the_size_of_a_crop_matters_little_and_its_content_much(tools: ModelTools) -> None:
    ring, disc = (toy_picture(position, 2, 64, 0, 0)[0] for position in (1, 0))
    small = np.asarray(Image.fromarray(ring).resize((48, 48), Image.Resampling.LANCZOS))
    same, other = (
        features(tools, small)[0] @ features(tools, ring)[0],
        features(tools, disc)[0] @ features(tools, ring)[0],
    )
    assert same > 0.95
    assert other < same - 0.1


def test_the_model_is_not_loaded(tmp_path: Path) -> None:
    tools = toy_tools(tmp_path)
    features(tools, toy_picture(0, 2, 32, 0, 0)[0])
    assert "denoiser" not in vars(tools)
