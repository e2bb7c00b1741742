"""Who goes on, and that whoever is decided is rarely wrong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from diffmine.numerics.racing import totals, undecided


@pytest.mark.parametrize(("first", "most", "step"), [(4, 100, 4), (8, 100, 8), (8, 8, 8), (4, 6, 4)])
def test_rounds_rise_in_whole_steps_to_the_most(first: int, most: int, step: int) -> None:
    rounds = totals(first, most, step)
    assert rounds[0] == first
    assert rounds[-1] == most
    assert all(one < two for one, two in pairwise(rounds))
    assert all(one % step == 0 for one in rounds[:-1])


def test_nothing_is_undecided_where_all_are_kept() -> None:
    assert not undecided(np.zeros(5), np.ones(5), keep=5, share=0.01).any()


def test_the_border_decides_and_less_so_as_draws_are_spent() -> None:
    values, errors = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.full(5, 0.6)
    early, late = (undecided(values, errors, keep=2, share=share) for share in (0.04, 0.3))
    assert early.tolist() == [False, False, True, True, False]
    assert not late[[0, 1, 4]].any()
    assert early.sum() >= late.sum()


def race(
    rng: np.random.Generator, true: np.ndarray, noise: np.ndarray, keep: int, rounds: tuple[int, ...], risk: float
) -> tuple[np.ndarray, np.ndarray]:
    """Values at the end, and the draws behind each."""
    values = true + noise * rng.normal(size=len(true)) / np.sqrt(rounds[0])
    draws, active = np.full(len(true), rounds[0]), np.ones(len(true), bool)
    for before, after in pairwise(rounds):
        active &= undecided(values, noise / np.sqrt(draws), keep, before / rounds[-1], risk)
        fresh = true + noise * rng.normal(size=len(true)) / np.sqrt(after - before)
        values = np.where(active, (before * values + (after - before) * fresh) / after, values)
        draws[active] = after
    return values, draws


def test_it_decides_as_many_more_draws_for_everyone_would() -> None:
    """Signal and noise are those of patches of drawn faces: one draw's error is twice the spread of the values."""
    rng, found = np.random.default_rng(0), []
    for _ in range(40):
        true, noise, keep = rng.normal(size=400), np.full(400, 2.0), 100
        truth = set(np.argsort(true)[-keep:])

        def right(values: np.ndarray, keep: int = keep, truth: set[int] = truth) -> float:
            return len(truth & set(np.argsort(values)[-keep:])) / keep

        raced, draws = race(rng, true, noise, keep, totals(4, 100, 4), risk=1.0)
        same, twice = (true + noise * rng.normal(size=400) / np.sqrt(n * draws.mean()) for n in (1, 2))
        found.append((draws.mean(), right(raced), right(same), right(twice)))
    spent, raced, same, twice = np.mean(found, axis=0)
    assert spent < 20
    assert raced > same + 0.04
    assert raced > twice - 0.01
    assert 1 - raced < 0.25


def test_p_values_hold_where_wrong_labels_race_alike() -> None:
    """Without an effect a patch's p-value against those of wrong labels is uniform, whoever got more draws."""
    rng, p_values = np.random.default_rng(1), []
    for _ in range(200):
        noise = rng.uniform(1, 3, size=240)
        values, draws = race(rng, np.zeros(240), noise, 40, totals(4, 100, 4), risk=1.0)
        assert draws.max() > draws.min()
        own, null = values[:120], values[120:]
        p_values.append((1 + (null[None] >= own[:, None]).sum(1)) / 121)
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.concatenate(p_values) <= level) == pytest.approx(level, rel=0.25)
