"""When a label hangs on what was covered."""

from __future__ import annotations

import numpy as np

from diffmine.builtin.checks.hanging import elsewhere, judged
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord


def levels(without: float, other: float, noise: float = 0.1) -> np.ndarray:
    means = np.array([1.0, without, other])
    return means + noise * numpy_generator("levels", without, other).normal(size=(12, 3))


def test_a_label_hangs_on_what_takes_its_evidence() -> None:
    assert judged(levels(0.3, 0.95)).on_it(0.3)
    assert not judged(levels(0.95, 0.95)).on_it(0.1), "little is lost"
    assert not judged(levels(0.3, 0.3)).on_it(0.1), "as much is lost wherever something is covered"
    assert not judged(levels(-1.0, 0.0, noise=20)).on_it(0.1), "it may be noise"
    assert not judged(-levels(0.3, 0.95)).on_it(0.1), "there was no evidence to lose"


def test_as_much_is_covered_elsewhere() -> None:
    record = ImageRecord("x", "x", ("a",), 64, 64, "x", "heldout")
    mask = np.zeros((64, 64), dtype=bool)
    mask[2:14, 2:14] = True
    other = elsewhere(mask, record)
    assert not (other & mask).any()
    assert other.sum() == mask.sum()
