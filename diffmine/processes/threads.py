"""Work on all cores that is handed out as its results are taken."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 8
"""Units for each thread that are handed out before their results are taken."""


def in_threads(function: Callable[[T], R], units: Iterable[T]) -> Iterator[R]:
    """``map`` on a thread a core, in order.

    ``Executor.map`` hands out everything at once, and keeps what no one has taken yet: of a million pictures that is
    gigabytes. Here a few units a thread are under way or waiting to be taken.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as threads:
        under_way: deque[Future[R]] = deque()
        try:
            for unit in units:
                under_way.append(threads.submit(function, unit))
                if len(under_way) == AHEAD * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:  # what follows an error, or a loop that was left, is not worth waiting for
                future.cancel()
