"""Sequences whose items are the rows of a table, made when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self, SupportsIndex, TypeVar, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

T = TypeVar("T")

BATCH = 4096
"""Rows that are made into objects, or out of objects, at once."""


class Rows(Sequence[T], ABC):
    """A read-only sequence that holds columns: of a million pictures these take a tenth of what objects take.

    Args:
        table: the columns.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()

    @classmethod
    @abstractmethod
    def columns_of(cls, items: Sequence[T]) -> pa.Table:
        """Some items as columns; of none, the schema."""

    @abstractmethod
    def items_of(self, table: pa.Table) -> Iterable[T]:
        """The inverse of :meth:`columns_of`."""

    @classmethod
    def of(cls, items: Iterable[T]) -> Self:
        """Items as such a sequence; taken a batch at a time, and what is one already is left as it is."""
        if isinstance(items, cls):
            return items
        return cls(pa.concat_tables([cls.columns_of([]), *map(cls.columns_of, batches(items))]))

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Self:
        """The rows of these numbers, in this order."""
        return type(self)(self.table.take(pa.array(np.asarray(rows, dtype=np.int64))))

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """The rows that are kept; ``kept`` is bool, (rows,)."""
        return self.take(np.flatnonzero(kept))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self), BATCH):
            yield from self.items_of(self.table.slice(start, BATCH))

    @overload
    def __getitem__(self, place: SupportsIndex) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: SupportsIndex | slice) -> T | Self:
        if isinstance(place, slice):
            return self.take(range(*place.indices(len(self))))
        number = range(len(self))[place]  # raises what a list raises
        (item,) = self.items_of(self.table.slice(number, 1))
        return item

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} rows>"


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """The items, ``BATCH`` at a time."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
