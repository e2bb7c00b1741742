from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffmine.errors import DiffmineError, DiffmineWarning
from diffmine.numerics.batching import BatchSize, is_out_of_memory, run_in_batches


def too_much_on_the_cpu() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), too_much_on_the_cpu()], ids=type
)
def test_memory_errors_are_told_from_others(error: BaseException) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@given(
    items=st.lists(st.integers(), max_size=40),
    limit=st.integers(1, 50),
    fits=st.integers(1, 50),
)
def test_every_item_is_answered_once_and_in_order_whatever_fits(items: list[int], limit: int, fits: int) -> None:
    seen: list[int] = []

    def double(batch: Sequence[int]) -> list[int]:
        if len(batch) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        seen.append(len(batch))
        return [2 * item for item in batch]

    size = BatchSize(limit)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert list(run_in_batches(double, items, size)) == [2 * item for item in items]
    assert sum(seen) == len(items)
    assert size.limit == limit or size.limit <= fits


def test_a_reduced_size_is_kept_for_later_calls_and_reported() -> None:
    batches: list[int] = []

    def square(batch: Sequence[int]) -> np.ndarray:
        batches.append(len(batch))
        if len(batch) > 3:
            raise MemoryError
        return np.square(batch)

    size = BatchSize(8)
    with pytest.warns(DiffmineWarning, match=r"(8 items.*going on with 4|4 items.*going on with 2)"):
        assert list(run_in_batches(square, range(9), size)) == [n * n for n in range(9)]
    assert batches == [8, 4, 2, 2, 2, 2, 1]
    batches.clear()
    list(run_in_batches(square, range(4), size))
    assert batches == [2, 2]


def test_one_item_that_does_not_fit_says_what_to_do() -> None:
    def never(batch: Sequence[int]) -> list[int]:
        raise too_much_on_the_cpu()

    with (
        pytest.raises(DiffmineError, match=r"only one item.*dataset\.image_size"),
        pytest.warns(DiffmineWarning),
    ):
        list(run_in_batches(never, [1, 2], BatchSize(2)))


def test_other_errors_pass_through() -> None:
    def broken(batch: Sequence[int]) -> list[int]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(run_in_batches(broken, [1, 2], BatchSize(2)))
