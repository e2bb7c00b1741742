"""Choices on synthetic draws whose best setting is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.builtin.selectors.top import Top
from diffmine.interfaces import Progress
from diffmine.numerics.bootstrap import draws
from diffmine.tuning.choosing import Choice, careful, choose, is_as_good
from diffmine.tuning.sample import Sampled
from diffmine.tuning.separation import Separation, Setting, separation
from diffmine.tuning.stability import TOLERANCE, enough, foretold, stability
from diffmine.tuning.terms import T_MAX, T_MIN, Terms
from diffmine.types import ImageRecord

CELLS, STRIDE, VALUES = 16, 4, 30
SIDE = CELLS * STRIDE
RECIPE = Setting(0.1, 0.7, 0.0, 16, 16)
SELECTOR = Top(Top.Config(size=16, place="typicality"))


def drawn(
    *,
    band: tuple[float, float] = (T_MIN, T_MAX),
    side: int = 4,
    noise: float = 0.1,
    wild: float = 0.1,
    pictures: int = 24,
) -> list[Terms]:
    """An element of ``side`` cells somewhere in each picture, which the own label explains.

    Args:
        band: where its timesteps lie; elsewhere nothing explains it.
        noise: standard deviation of a cell's value in the band.
        wild: the same elsewhere.
    """
    rng = np.random.default_rng(0)
    found = []
    for number in range(pictures):
        fractions = np.sort(T_MIN + (T_MAX - T_MIN) * (np.arange(VALUES) + rng.random(VALUES)) / VALUES)
        inside = (fractions >= band[0]) & (fractions < band[1])
        gain = rng.normal(size=(2, VALUES, CELLS, CELLS)) * np.where(inside, noise, wild)[:, None, None]
        y, x = rng.integers(0, CELLS - side, 2)
        gain[0, inside, y : y + side, x : x + side] += rng.uniform(0.5, 1.0)
        record = ImageRecord(f"{number:020x}", f"{number}.png", ("a",), SIDE, SIDE, f"{number:064x}", "heldout")
        maps = gain.astype(np.float32)
        found.append(Terms(Sampled(record, "b", ("a", "b")), fractions.astype(np.float32), maps, None, STRIDE))
    return found


def no_pixels(record: ImageRecord) -> np.ndarray:
    raise AssertionError("the selector has no filters")


def chosen(terms: Sequence[Terms]) -> Choice:
    return choose(terms, RECIPE, SELECTOR, no_pixels, 1, Progress())


def test_the_range_that_alone_carries_the_signal_is_chosen() -> None:
    """Elsewhere there is nothing but noise, so that no wider range is as good, and none that lies beside it."""
    choice = chosen(drawn(band=(0.5, 0.8), wild=4.0))
    assert (choice.setting.t_min, choice.setting.t_max) == (0.5, 0.8)
    assert choice.after.auc > 0.95 > choice.before.auc


def test_where_all_timesteps_are_alike_the_whole_range_is_taken() -> None:
    choice = chosen(drawn(noise=1.0, wild=1.0))
    assert choice.setting.t_max - choice.setting.t_min > 0.6


@pytest.mark.parametrize("side", [2, 6])
def test_a_patch_is_about_as_large_as_the_element(side: int) -> None:
    choice = chosen(drawn(side=side, noise=1.0, wild=1.0))
    assert choice.setting.size == pytest.approx(side * STRIDE, abs=STRIDE)
    assert choice.setting.smoothing == pytest.approx(0.2 * choice.setting.size / STRIDE, abs=0.05)


def test_noisier_draws_need_more_of_them() -> None:
    quiet, noisy = (chosen(drawn(noise=noise, wild=noise)).setting for noise in (0.1, 8.0))
    assert quiet.draws < noisy.draws


def test_a_picture_without_patches_is_not_told_apart() -> None:
    terms = drawn(pictures=12)
    large = Setting(0.1, 0.9, 0.0, SIDE + 1, 16)
    found = separation(terms, large, SELECTOR, no_pixels, 1)
    assert not found.own.any()
    assert found.auc == 0.5
    assert found.effect == 0


def test_intervals_and_effects_come_from_the_same_replicates() -> None:
    rng = np.random.default_rng(1)
    found = Separation(rng.normal(1, 1, 50), rng.normal(0, 1, 50))
    by_hand = []
    for weights in np.concatenate(list(draws(50, "tuning"))):
        rows = np.repeat(np.arange(50), weights)
        gap = found.gap[rows]
        by_hand.append((gap.mean() / gap.std(), (found.own[rows][:, None] > found.wrong[rows]).mean()))
    effects, aucs = np.array(by_hand).T
    np.testing.assert_allclose(found.effects, effects)
    np.testing.assert_allclose(found.auc_interval, np.percentile(aucs, [2.5, 97.5]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 5))
def test_of_equals_the_cheapest_and_never_one_that_is_worse(quality: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=40)
    found = {place: Separation(base + 2 * one, rng.normal(size=40) * 0.5) for place, one in enumerate(quality)}
    best = max(found.values(), key=lambda one: one.effect)
    taken = careful(found, lambda place: place)
    assert is_as_good(found[taken], best)
    assert all(not is_as_good(one, best) for place, one in found.items() if place < taken)


@given(st.floats(0, 1), st.integers(1, 6), st.integers(1, 6))
def test_foretold_agreement_is_consistent(agreement: float, first: int, second: int) -> None:
    """Three times twice the draws are six times the draws; one time changes nothing."""
    assert foretold(agreement, 1) == pytest.approx(agreement)
    assert foretold(foretold(agreement, first), second) == pytest.approx(foretold(agreement, first * second))


def test_agreement_is_measured_on_draws_apart_and_foretells_more() -> None:
    """Pictures differ by 0.5 x uniform, so that the order is known up to the noise of the draws."""
    terms = drawn(noise=1.0, wild=1.0, pictures=150)
    found = stability(terms, Setting(T_MIN, T_MAX, 0.0, 16, 16), SELECTOR, no_pixels, 1)
    assert found[4].order < found[8].order < found[24].order
    assert foretold(found[8].order, 2) == pytest.approx(found[16].order, abs=0.12)
    taken = enough(found)
    assert foretold(found[taken].order, 2) - found[taken].order < TOLERANCE
