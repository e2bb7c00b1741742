"""Handing work out to threads: in order, a few units ahead, and no further after an error."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from diffmine.processes.threads import AHEAD, in_threads


def test_results_come_in_order_however_long_each_takes() -> None:
    done = threading.Event()

    def slow_first(unit: int) -> int:
        if unit == 0:
            done.wait(10)
        if unit == 5:
            done.set()
        return unit

    assert list(in_threads(slow_first, range(20))) == list(range(20))


def test_no_more_is_handed_out_than_a_few_units_a_thread() -> None:
    handed: list[int] = []

    def units() -> Iterator[int]:
        for unit in range(10_000):
            handed.append(unit)
            yield unit

    results = in_threads(lambda unit: unit, units())
    for taken in range(200):
        assert next(results) == taken
        assert len(handed) <= taken + AHEAD * (os.cpu_count() or 1)
    results.close()  # type: ignore[attr-defined]


def test_an_error_comes_up_in_its_place_and_ends_it() -> None:
    def fails(unit: int) -> int:
        if unit == 3:
            raise ValueError("three")
        return unit

    results = in_threads(fails, range(10_000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
