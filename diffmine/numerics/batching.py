"""Work in batches that shrink when memory runs out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from diffmine.errors import DiffmineError, DiffmineWarning

T = TypeVar("T")
R = TypeVar("R")

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "DefaultCPUAllocator")


@dataclass
class BatchSize:
    """How many items fit into memory at once, as far as is known; keep one for all calls that do the same work.

    Attributes:
        limit: the most items in a batch; halved by :func:`until_it_fits` whenever memory runs out.
        least: fewer are never tried.
    """

    limit: int
    least: int = 1


def until_it_fits(
    attempt: Callable[[int], R], size: BatchSize, *, items: int, noun: str, effect: str, too_large: DiffmineError
) -> R:
    """What ``attempt`` returns, tried again with half as many items at a time, with a warning, when memory runs out.

    Args:
        attempt: takes how many items to work on at a time; called again after it failed, it must begin afresh.
        size: how many to begin with; it stays reduced for later calls.
        items: how many there are.
        noun: what the warning calls them, such as ``items at a time``.
        effect: what it says that this means for results.
        too_large: raised where the least number of items does not fit into memory.
    """
    while True:
        tried = min(size.limit, items)
        try:
            return attempt(tried)
        except (RuntimeError, MemoryError) as caught:
            if not is_out_of_memory(caught):
                raise
            if tried <= size.least:
                raise too_large from caught
        # Only here, past the error, which held on to the batch's tensors, can their memory be used again.
        size.limit = max(size.least, tried // 2)
        _free_memory()
        warnings.warn(
            f"memory ran out with {tried} {noun}; going on with {size.limit} ({effect})", DiffmineWarning, stacklevel=3
        )


def run_in_batches(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], size: BatchSize) -> Iterator[R]:
    """The results of ``function``, item by item, computed in batches.

    When memory runs out the same items are tried again in batches of half the size, with a warning. No result depends
    on that as long as ``function`` treats each item by itself.

    Args:
        function: takes a batch and returns one result for each of its items, in order.
        items: must be of shapes that ``function`` can stack.
        size: the batch size to begin with; it stays reduced for later calls.
    Yields:
        one result an item, in order.
    Raises:
        DiffmineError: a single item does not fit into memory.
    """
    done = 0
    while done < len(items):
        left = items[done:]
        results = until_it_fits(
            partial(_of_first, function, left),
            size,
            items=len(left),
            noun="items at a time",
            effect="results stay the same",
            too_large=DiffmineError(
                "memory ran out although only one item was processed at a time; use smaller pictures "
                "(dataset.image_size), a smaller model or a machine with more memory"
            ),
        )
        yield from results
        done += min(size.limit, len(left))


def _of_first(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], count: int) -> Sequence[R]:
    return function(items[:count])


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or NumPy says that memory ran out, on whatever device."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _OUT_OF_MEMORY)
