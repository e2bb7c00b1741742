from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draw, Draws
from diffmine.types import ImageRecord


def records(count: int, labels: tuple[str, ...] = ("a",)) -> list[ImageRecord]:
    return [ImageRecord(f"i{n}", f"{n}.png", labels, 8, 8, f"digest {n}", "train") for n in range(count)]


def stream(count: int, steps: int, labels: tuple[str, ...] = ("a",), **options: object) -> list[Draw]:
    settings = TrainingOptions.model_validate({"batch_size": 8, **options})
    draws = Draws(records(count, labels), settings, seed=3)
    return [draw for step in range(steps) for draw in draws.batch(step, range(settings.batch_size))]


def test_every_picture_comes_once_an_epoch_though_batches_do_not_divide_it() -> None:
    ids = [draw.record.image_id for draw in stream(11, 11)]
    epochs = [ids[start : start + 11] for start in range(0, 88, 11)]
    assert all(Counter(epoch) == Counter(ids[:11]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_a_batch_is_the_same_in_one_piece_from_several_processes_and_out_of_order() -> None:
    options = TrainingOptions(batch_size=8)
    whole = Draws(records(5), options, seed=1).batch(7, range(8))
    parts = Draws(records(5), options, seed=1)
    second, first = parts.batch(7, range(4, 8)), parts.batch(7, range(4))
    for one, other in zip(whole, first + second, strict=True):
        assert (one.record, one.label, one.fraction, one.corner, one.key) == (
            other.record,
            other.label,
            other.fraction,
            other.corner,
            other.key,
        )
        assert one.noise_generator().initial_seed() == other.noise_generator().initial_seed()


def test_another_seed_gives_other_draws() -> None:
    one, other = (Draws(records(9), TrainingOptions(), seed).batch(0, range(8)) for seed in (1, 2))
    assert [draw.fraction for draw in one] != [draw.fraction for draw in other]
    assert [draw.record for draw in one] != [draw.record for draw in other]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.15, 1.0])
def test_the_share_of_null_conditions(share: float) -> None:
    draws = stream(50, 500, null_probability=share)
    spread = np.sqrt(share * (1 - share) / len(draws))
    assert np.mean([draw.label is None for draw in draws]) == pytest.approx(share, abs=4 * spread)


def test_each_label_of_a_picture_is_as_likely_and_independent_of_the_picture() -> None:
    draws = stream(10, 500, labels=("a", "b", "c"), null_probability=0)
    shares = Counter(draw.label for draw in draws)
    assert all(count / len(draws) == pytest.approx(1 / 3, abs=0.03) for count in shares.values())
    of_one = Counter(draw.label for draw in draws if draw.record.image_id == "i0")
    assert all(count / of_one.total() == pytest.approx(1 / 3, abs=0.1) for count in of_one.values())


def test_timesteps_are_uniform_in_their_range() -> None:
    fractions = np.array([draw.fraction for draw in stream(10, 500, t_min=0.1, t_max=0.7)])
    assert fractions.min() >= 0.1
    assert fractions.max() < 0.7
    assert fractions.mean() == pytest.approx(0.4, abs=0.01)
    assert fractions.std() == pytest.approx(0.6 / np.sqrt(12), abs=0.01)


def test_stratified_timesteps_take_one_from_each_interval() -> None:
    for step in range(20):
        draws = stream(10, step + 1, timesteps="stratified", t_min=0.2, t_max=1.0)[-8:]
        assert [int((draw.fraction - 0.2) / 0.1) for draw in draws] == list(range(8))


def test_a_focus_leaves_the_rest_of_the_schedule_its_share() -> None:
    fractions = np.array([draw.fraction for draw in stream(10, 800, t_min=0.4, t_max=0.5, t_focus=0.8)])
    inside = (fractions >= 0.4) & (fractions < 0.5)
    assert inside.mean() == pytest.approx(0.8 + 0.2 * 0.1, abs=0.02)
    assert fractions[~inside].min() < 0.05
    assert fractions[~inside].max() > 0.95


def test_flips_are_off_unless_asked_for() -> None:
    assert not any(draw.flip for draw in stream(10, 100))
    assert np.mean([draw.flip for draw in stream(10, 500, horizontal_flip=True)]) == pytest.approx(0.5, abs=0.04)
