"""Drawing some items of each label, the same ones on every machine."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator

from diffmine.numerics.seeding import derive_seed
from diffmine.types import Item


def choose(items: Iterable[Item], labels: tuple[str, ...] | None, per_label: int | None, seed: int) -> list[Item]:
    """Keep the wanted labels and draw ``per_label`` items of each, the same ones in whatever order they come.

    An item drawn for one of its labels keeps its others, so a label that often comes with rarer ones may have more.
    Memory is bounded by what is kept.
    """
    wanted = _with_labels(items, labels)
    if per_label is None:
        return sorted(wanted, key=lambda item: item.path)
    heaps: dict[str, list[tuple[int, str, Item]]] = defaultdict(list)
    for item in wanted:
        draw = -derive_seed(seed, "draw", item.path)
        for label in item.labels:
            push = heapq.heappush if len(heaps[label]) < per_label else heapq.heappushpop
            push(heaps[label], (draw, item.path, item))
    kept = {path: item for heap in heaps.values() for _, path, item in heap}
    return [kept[path] for path in sorted(kept)]


def _with_labels(items: Iterable[Item], labels: tuple[str, ...] | None) -> Iterator[Item]:
    for item in items:
        kept = item.labels if labels is None else tuple(label for label in item.labels if label in labels)
        if kept:
            yield Item(item.path, kept, item.columns)
