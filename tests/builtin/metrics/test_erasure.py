"""Erasure counts the flips of known evidence."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.builtin.metrics.erasure import flips
from diffmine.types import Box, Patch


def patches(count: int) -> list[Patch]:
    return [Patch(f"{n}", "a", Box(0, 0, 4, 4), 1.0, None, "top", n) for n in range(count)]


def test_flips_are_counted_among_the_pictures_told_right() -> None:
    levels = np.zeros((20, 3, 2))
    levels[:16, 0, 0] = 1.0  # told right as they are; the other four are not, and do not count
    levels[:, 1:, 0] = 1.0
    levels[:8, 1, 0] = -1.0  # half flip without their best patch
    levels[16:, 1:, 0] = -1.0
    levels[0, 2, 0] = -1.0  # one without a random one
    figures = flips(patches(20), levels)
    assert figures["erasure_best"].value == pytest.approx(8 / 16)
    assert figures["erasure_random"].value == pytest.approx(1 / 16)
    assert figures["erasure"].value == pytest.approx(8.5 / 1.5)
    assert figures["erasure"].count == 16
    low, high = figures["erasure"].low, figures["erasure"].high
    assert low is not None
    assert high is not None
    assert 1 < low < figures["erasure"].value < high


def test_nothing_is_said_where_nothing_is_told_right() -> None:
    assert flips(patches(3), np.zeros((3, 3, 2))) == {}


@pytest.mark.parametrize(("right", "said"), [(55, False), (80, True)])
def test_nothing_is_said_by_a_judge_that_may_be_guessing(right: int, said: bool) -> None:
    """Of 100 pictures the own label is told from a wrong one; half by guessing, and 60 or more with 1 in 35 of luck."""
    levels = np.zeros((100, 3, 2))
    levels[:right, 0, 0] = 1.0
    assert bool(flips(patches(100), levels)) is said


def test_covering_alike_is_chance() -> None:
    levels = np.zeros((8, 3, 2))
    levels[:, 0, 0] = 1.0
    assert flips(patches(8), levels)["erasure"].value == 1.0


def test_what_is_gone_of_the_evidence_is_a_share_of_all_pictures_margins() -> None:
    """Half of what speaks for the label goes with the best patch, a tenth with a random one, however few flip."""
    levels = np.zeros((40, 3, 2))
    levels[:, :, 0] = np.linspace(1, 3, 40)[:, None] * [1.0, 0.5, 0.9]
    figures = flips(patches(40), levels)
    lost = figures["evidence_lost"]
    assert figures["erasure_best"].value == 0
    assert (lost.value, lost.chance) == pytest.approx((0.5, 0.1))
    assert (lost.low, lost.high) == pytest.approx((0.5, 0.5)), "all pictures lose the same share"
    assert figures["evidence_lost_random"].value == pytest.approx(0.1)
