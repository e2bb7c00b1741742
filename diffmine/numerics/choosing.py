"""Drawing some items of each label, the same ones on every machine."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from diffmine.numerics.rows import Rows
from diffmine.numerics.seeding import derive_seed
from diffmine.types import Item

ITEMS = pa.schema(
    [("path", pa.string()), ("labels", pa.list_(pa.string())), ("columns", pa.map_(pa.string(), pa.string()))]
)


class Items(Rows[Item]):
    """What a dataset lists."""

    @classmethod
    def columns_of(cls, items: Sequence[Item]) -> pa.Table:
        columns = {
            "path": [item.path for item in items],
            "labels": [item.labels for item in items],
            "columns": [list(item.columns.items()) for item in items],
        }
        return pa.table(columns, schema=ITEMS)

    def items_of(self, table: pa.Table) -> Iterator[Item]:
        for path, labels, columns in zip(*(table[name].to_pylist() for name in ITEMS.names), strict=True):
            yield Item(path, tuple(labels), dict(columns))


def choose(items: Iterable[Item], labels: tuple[str, ...] | None, per_label: int | None, seed: int) -> Items:
    """Keep the wanted labels and draw ``per_label`` items of each, the same ones in whatever order they come.

    An item drawn for one of its labels keeps its others, so a label that often comes with rarer ones may have more.
    Memory is bounded by what is kept.
    """
    wanted = _with_labels(items, labels)
    if per_label is None:
        everything = Items.of(wanted)
        return Items(everything.table.sort_by("path"))
    heaps: dict[str, list[tuple[int, str, Item]]] = defaultdict(list)
    for item in wanted:
        draw = -derive_seed(seed, "draw", item.path)
        for label in item.labels:
            push = heapq.heappush if len(heaps[label]) < per_label else heapq.heappushpop
            push(heaps[label], (draw, item.path, item))
    kept = {path: item for heap in heaps.values() for _, path, item in heap}
    return Items.of(kept[path] for path in sorted(kept))


def _with_labels(items: Iterable[Item], labels: tuple[str, ...] | None) -> Iterator[Item]:
    for item in items:
        kept = item.labels if labels is None else tuple(label for label in item.labels if label in labels)
        if kept:
            yield Item(item.path, kept, item.columns)
