"""Which shard is given out next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from diffmine_ray.shards import Shards, fair_share


def taken(shards: Shards, now: float) -> Iterator[int]:
    while (shard := shards.take(now)) is not None:
        yield shard


def test_what_was_lost_waits_longer_each_time_and_what_was_not_begun_comes_first() -> None:
    shards = Shards([5, 6, 7, 8], backoff=1.0)
    assert [shards.take(0.0) for _ in range(3)] == [5, 6, 7]
    assert shards.lose(5, now=10.0) == 1
    shards.put_back([6, 7])
    assert list(taken(shards, 10.9)) == [6, 7, 8]
    assert list(taken(shards, 11.0)) == [5]
    assert shards.lose(5, now=20.0) == 2
    assert shards.take(21.9) is None
    assert shards.take(22.0) == 5
    assert shards.unfinished == 4, "giving out is not finishing"


def test_shards_go_to_those_who_have_fewest_first() -> None:
    shards = Shards(range(9), backoff=0.0)
    assert list(shards.deal([[20], [], []], batch=2, now=0.0)) == [(1, 0), (2, 1), (0, 2), (1, 3), (2, 4)]


def test_a_shard_that_was_lost_is_given_out_alone() -> None:
    shards = Shards([1, 2, 3], backoff=0.0)
    assert shards.take(0.0) == 1
    shards.lose(1, now=0.0)
    assert shards.take(1.0) == 1
    assert shards.take(1.0, held=[1]) is None
    shards.lose(1, now=1.0)
    assert shards.take(2.0, held=[7]) == 2


@pytest.mark.parametrize(
    ("unfinished", "workers", "batch", "share"),
    [(100, 4, 2, 2), (4, 4, 2, 1), (5, 4, 3, 2), (1, 8, 2, 1), (9, 0, 2, 2)],
)
def test_nobody_holds_two_shards_while_another_has_none(unfinished: int, workers: int, batch: int, share: int) -> None:
    assert fair_share(unfinished, workers, batch) == share
