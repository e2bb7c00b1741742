"""Work in batches that shrink when memory runs out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from diffmine.errors import DiffmineError, DiffmineWarning

T = TypeVar("T")
R = TypeVar("R")

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "DefaultCPUAllocator")


@dataclass
class BatchSize:
    """How many items fit into memory at once, as far as is known; keep one for all calls that do the same work.

    Attributes:
        limit: the most items in a batch; halved by :func:`run_in_batches` whenever memory runs out.
    """

    limit: int


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
        batch = items[done : done + size.limit]
        results = _attempt(function, batch)
        if results is None:
            _halve(size, len(batch))
            continue
        yield from results
        done += len(batch)


def _attempt(function: Callable[[Sequence[T]], Sequence[R]], batch: Sequence[T]) -> Sequence[R] | None:
    """The results, or None when memory ran out; the error, which holds on to the batch's tensors, is gone by then."""
    try:
        return function(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            raise DiffmineError(
                "memory ran out although only one item was processed at a time; use smaller pictures "
                "(dataset.image_size), a smaller model or a machine with more memory"
            ) from error
        return None


def _halve(size: BatchSize, tried: int) -> None:
    size.limit = tried // 2
    warnings.warn(
        f"memory ran out with {tried} items at a time; going on with {size.limit} (results stay the same)",
        DiffmineWarning,
        stacklevel=3,
    )
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or NumPy says that memory ran out, on whatever device."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _OUT_OF_MEMORY)
