from __future__ import annotations

import numpy as np
import pytest

from diffmine.numerics import bootstrap
from diffmine.numerics.bootstrap import draws, mean_interval, median_interval
from diffmine.numerics.seeding import numpy_generator


def literal_replicates(values: np.ndarray, images: list[str], statistic) -> np.ndarray:  # type: ignore[no-untyped-def]
    names, image = np.unique(images, return_inverse=True)
    weights = np.concatenate(list(draws(len(names), "key")))
    return np.array([statistic(np.repeat(values, row[image])) for row in weights])


@pytest.mark.parametrize(("interval", "statistic"), [(mean_interval, np.mean), (median_interval, np.median)])
def test_interval_equals_a_literal_resampling_of_images(interval, statistic) -> None:  # type: ignore[no-untyped-def]
    rng = numpy_generator("values")
    values, images = rng.normal(size=40), [str(i) for i in rng.integers(0, 9, 40)]
    expected = np.quantile(literal_replicates(values, images, statistic), [0.025, 0.975])
    np.testing.assert_allclose(interval(values, images, "key"), expected, rtol=1e-12)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = numpy_generator("coverage")
    hits = 0
    for trial in range(300):
        low, high = mean_interval(rng.normal(size=50), [str(i) for i in range(50)], trial)  # type: ignore[misc]
        hits += low <= 0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_values_of_one_image_are_drawn_together() -> None:
    values = np.repeat([0.0, 1.0], 50)
    together = mean_interval(values, ["a"] * 50 + ["b"] * 50, "key")
    apart = mean_interval(values, [str(i) for i in range(100)], "key")
    assert together == (0.0, 1.0)
    assert apart is not None
    assert apart.high - apart.low < 0.25


def test_one_image_gives_no_interval() -> None:
    assert mean_interval([1.0, 2.0], ["a", "a"], "key") is None
    assert median_interval([1.0, 2.0], ["a", "a"], "key") is None


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(7, "key")))
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 100)
    assert np.concatenate(list(draws(7, "key"))).tolist() == whole.tolist()
