"""Bars, sparklines, half-block pictures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rich.console import Console

from diffmine.terminal.glyphs import HALF_LINE, LEVELS, bar, sparkline, visible
from diffmine.terminal.thumbnails import fitting, strip


@given(st.floats(-10, 10), st.floats(0.01, 10), st.integers(1, 40))
def test_a_bars_length_is_its_value_to_half_a_character(value: float, scale: float, width: int) -> None:
    drawn = bar(value, scale, width)
    length = len(drawn) - 0.5 * drawn.endswith(HALF_LINE)
    assert abs(length - width * min(max(value / scale, 0), 1)) <= 0.25 + 1e-9


def test_nothing_positive_has_no_bar() -> None:
    assert bar(0.5, 0.0, 10) == bar(-1.0, 1.0, 10) == bar(0.0, 1.0, 10) == ""


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(1, 50))
def test_a_sparkline_spans_from_the_lowest_level_to_the_highest(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    if len(values) <= width and np.ptp(values) > 0:
        assert line[int(np.argmin(values))] == LEVELS[0]
        assert line[int(np.argmax(values))] == LEVELS[-1]


def test_a_sparkline_leaves_out_what_is_no_number() -> None:
    assert sparkline([1.0, float("nan"), 2.0], 10) == LEVELS[0] + LEVELS[-1]
    assert sparkline([float("nan")], 10) == ""


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(4), st.integers(1, 5), st.just(3))))
def test_every_pixel_of_a_crop_is_in_its_half_of_a_character(crops: np.ndarray) -> None:
    text = strip(crops)
    lines = text.split("\n")
    width = crops.shape[2]
    for row, line in enumerate(lines):
        for number, crop in enumerate(crops):
            for column in range(width):
                style = line.get_style_at_offset(Console(), number * (width + 1) + column)
                assert tuple(style.color.triplet) == tuple(crop[2 * row, column])
                assert tuple(style.bgcolor.triplet) == tuple(crop[2 * row + 1, column])


def test_as_many_crops_as_fit() -> None:
    assert [fitting(width) for width in (9, 10, 20, 21, 80)] == [0, 1, 1, 2, 7]


def test_a_terminal_gets_no_control_characters() -> None:
    assert visible("a\x1b[31mb\nc\u202ed") == "a\ufffd[31mb\ufffdc\ufffdd"
    assert visible("مدينة 👩‍👩‍👧 São") == "مدينة 👩‍👩‍👧 São"
