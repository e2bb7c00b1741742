"""Which shards are left, which wait after a worker died, and how many a worker may have in hand."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence


class Shards:
    """The shards of a run of a job.

    Args:
        numbers: of the shards, in the order in which they are given out.
        backoff: seconds that a shard waits after it was lost; twice as many each further time.
    Attributes:
        unfinished: how many are not done.
    """

    def __init__(self, numbers: Sequence[int], *, backoff: float) -> None:
        self.unfinished = len(numbers)
        self._backoff = backoff
        self._ready = deque(numbers)
        self._waiting: list[tuple[float, int]] = []
        self._losses: Counter[int] = Counter()

    def take(self, now: float, held: Collection[int] = ()) -> int | None:
        """The next shard for a worker, at a time in seconds; None: there is none for it now.

        One that was lost is given out alone, so that it is known which shard the next worker dies of: what a worker
        was at when it died is told by what it has answered, and its last answer may be lost with it.

        Args:
            held: what the worker has in hand.
        """
        if not held and self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[1]
        if any(shard in self._losses for shard in held):
            return None
        return self._ready.popleft() if self._ready else None

    def deal(self, held: Sequence[Collection[int]], batch: int, now: float) -> Iterator[tuple[int, int]]:
        """Give out what can be given out; to workers that have fewest in hand first.

        Args:
            held: what each worker has in hand.
            batch: shards that one may have in hand.

        Yields:
            the position of a worker in ``held``, and a shard for it.
        """
        in_hand = [list(shards) for shards in held]
        for count in range(fair_share(self.unfinished, len(held), batch)):
            for worker, shards in enumerate(in_hand):
                if len(shards) == count and (shard := self.take(now, shards)) is not None:
                    shards.append(shard)
                    yield worker, shard

    def finish(self) -> None:
        """One that was given out is done."""
        self.unfinished -= 1

    def put_back(self, shards: Sequence[int]) -> None:
        """These were given out, but not begun."""
        self._ready.extendleft(reversed(shards))

    def lose(self, shard: int, now: float) -> int:
        """A worker died with it in hand: it waits, and is given out again; returns how often that was so."""
        self._losses[shard] += 1
        heapq.heappush(self._waiting, (now + wait(self._losses[shard], self._backoff), shard))
        return self._losses[shard]


def wait(losses: int, backoff: float) -> float:
    """Seconds until the next attempt."""
    return backoff * 2.0 ** (losses - 1)


def fair_share(unfinished: int, workers: int, batch: int) -> int:
    """Shards that a worker may have in hand, at least 1 and at most ``batch``.

    Towards the end no shard lies with a busy worker while another one has nothing to do.
    """
    return max(1, min(batch, math.ceil(unfinished / max(1, workers))))
