"""The pictures of a run as columns, of which records are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from diffmine.numerics.rows import Rows
from diffmine.runs.tables import IMAGES, KIN, completed, image_records, images_table
from diffmine.types import BoolArray, ImageRecord, Origin, Split

ROW_GROUP = 65_536
"""Rows of ``images.parquet`` that are read at once where a few are wanted."""

Places = NDArray[np.int64]
"""Row numbers."""


class Records(Rows[ImageRecord]):
    """Records, as a sequence; its table is of :data:`diffmine.runs.tables.IMAGES` and ``KIN``."""

    def __init__(self, table: pa.Table) -> None:
        for field in KIN:
            if field.name not in table.column_names:
                table = table.append_column(field, _empty_lists(len(table), field.type))
        super().__init__(table)

    @classmethod
    def of(cls, items: Iterable[ImageRecord]) -> Self:
        """Records as such a sequence, a batch at a time; those of a run are left as they are."""
        return super().of(items.records if isinstance(items, RecordValues) else items)

    @classmethod
    def columns_of(cls, items: Sequence[ImageRecord]) -> pa.Table:
        table = images_table(items)
        for field in KIN:
            table = table.append_column(field, pa.array([getattr(one, field.name) for one in items], field.type))
        return table

    def items_of(self, table: pa.Table) -> Iterator[ImageRecord]:
        return image_records(table)

    def with_columns(self, **columns: Any) -> Self:
        """The same with other values in some columns, a value a row."""
        table = self.table
        for name, values in columns.items():
            field = table.schema.field(name)
            array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, field.type)
            table = table.set_column(table.schema.get_field_index(name), field, array)
        return type(self)(table)

    def in_split(self, split: Split) -> BoolArray:
        """Which records are of a split, bool, (records,)."""
        return self._equal("split", split)

    def of_origin(self, origin: Origin) -> BoolArray:
        """Which records are listed in a table of the recipe, bool, (records,)."""
        return self._equal("origin", origin)

    @cached_property
    def mined(self) -> BoolArray:
        """``ImageRecord.mined`` of each, bool, (records,)."""
        return np.asarray(self.table["mined"])

    @cached_property
    def folds(self) -> NDArray[np.int32]:
        """``ImageRecord.fold`` of each, int32, (records,); -1 for None."""
        return np.asarray(self.table["fold"].fill_null(-1), dtype=np.int32)

    @cached_property
    def in_sample(self) -> BoolArray:
        """``ImageRecord.in_sample`` of each, bool, (records,)."""
        return self.in_split("train") & (self.folds < 0)

    @cached_property
    def scored(self) -> BoolArray:
        """``ImageRecord.scored`` of each, bool, (records,)."""
        return self.mined | ~self.in_split("train")

    @cached_property
    def evaluated(self) -> BoolArray:
        """``ImageRecord.evaluated`` of each, bool, (records,)."""
        return self.scored & ~self.in_sample & ~self.in_split("validation")

    @cached_property
    def labels(self) -> list[str]:
        """Every label, sorted."""
        return distinct(self.table["labels"])

    @cached_property
    def order(self) -> Places:
        """The place of each record in the order of ids, int64, (records,)."""
        places = np.empty(len(self), dtype=np.int64)
        places[sorted_ids(self.table["image_id"])[1]] = np.arange(len(self))
        return places

    @property
    def of_one_size(self) -> bool:
        """Whether all pictures are of one size."""
        return all(pc.count_distinct(self.table[name]).as_py() == 1 for name in ("height", "width"))

    def carrying(self, label: str) -> BoolArray:
        """Which records carry a label, bool, (records,)."""
        carried = np.zeros(len(self), dtype=bool)
        labels, (codes, parents) = self.labels, self._carried
        if label in labels:
            carried[parents[codes == labels.index(label)]] = True
        return carried

    def counts(self, kept: BoolArray | None = None) -> dict[str, int]:
        """Label -> how many records carry it, by label.

        Args:
            kept: bool, (records,): which are counted; None: all.
        """
        codes, parents = self._carried
        codes = codes if kept is None else codes[kept[parents]]
        counts = np.bincount(codes, minlength=len(self.labels)).tolist()
        return {label: count for label, count in zip(self.labels, counts, strict=True) if count}

    @cached_property
    def first_labels(self) -> NDArray[np.int32]:
        """The place of each record's first label in ``labels``, int32, (records,)."""
        return self._codes(self.table["label"])

    @cached_property
    def _carried(self) -> tuple[NDArray[np.int32], Places]:
        """For each label of each record the label's place in ``labels``, and the record's row."""
        lists = self.table["labels"]
        return self._codes(pc.list_flatten(lists)), np.asarray(pc.list_parent_indices(lists), dtype=np.int64)

    def _codes(self, values: pa.ChunkedArray) -> NDArray[np.int32]:
        return np.asarray(pc.index_in(values, pa.array(self.labels, pa.string())), dtype=np.int32)

    def _equal(self, column: str, value: str) -> BoolArray:
        return np.asarray(pc.equal(self.table[column], value), dtype=bool)


class RecordsById(Mapping[str, ImageRecord]):
    """image_id -> record, in the order of the rows.

    Attributes:
        records: the rows.
    """

    def __init__(self, records: Records) -> None:
        self.records = records

    def row(self, image_id: str) -> int:
        """The row of an image.

        Raises:
            KeyError: there is none of this id.
        """
        wanted, (ids, order) = image_id.encode(), self._sorted
        place = int(np.searchsorted(ids, wanted)) if len(ids) else 0
        if place == len(ids) or ids[place] != wanted:
            raise KeyError(image_id)
        return int(order[place])

    def __getitem__(self, image_id: str) -> ImageRecord:
        return self.records[self.row(image_id)]

    def __contains__(self, image_id: object) -> bool:
        try:
            return isinstance(image_id, str) and self.row(image_id) >= 0
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        column = self.records.table["image_id"]
        return (one.as_py() for one in column)

    def __len__(self) -> int:
        return len(self.records)

    def values(self) -> ValuesView[ImageRecord]:
        """The records; a batch of them is made at a time."""
        return RecordValues(self)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.bytes_], Places]:
        """The ids in order, and the row of each."""
        return sorted_ids(self.records.table["image_id"])


class RecordValues(ValuesView[ImageRecord]):
    """The values of :class:`RecordsById`."""

    def __init__(self, by_id: RecordsById) -> None:
        super().__init__(by_id)
        self.records = by_id.records

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)


def sorted_ids(ids: pa.ChunkedArray) -> tuple[NDArray[np.bytes_], Places]:
    """Ids as fixed-size bytes in ascending order, for :func:`numpy.searchsorted`, and the row of each."""
    texts = ids.cast(pa.binary())
    starts = range(0, len(texts), ROW_GROUP)
    parts = [np.array(texts.slice(start, ROW_GROUP).to_pylist(), dtype=np.bytes_) for start in starts]
    found = np.concatenate(parts or [np.zeros(0, dtype="S1")])
    order = np.argsort(found, kind="stable")
    return found[order], order


def _empty_lists(count: int, kind: pa.ListType) -> pa.Array:
    return pa.ListArray.from_arrays(np.zeros(count + 1, dtype=np.int32), pa.array([], kind.value_type))


def distinct(labels: pa.ChunkedArray) -> list[str]:
    """The labels in a column of lists, sorted."""
    return sorted(pc.unique(pc.list_flatten(labels)).to_pylist())


def write_records(records: Records, path: Path) -> None:
    """Write ``images.parquet``, in groups of rows that can be read one by one."""
    pq.write_table(records.table.select(IMAGES.names), path, row_group_size=ROW_GROUP)


def read_records(path: Path, rows: Sequence[int] | NDArray[Any] | None = None) -> Records:
    """The records of ``images.parquet``.

    Args:
        path: the file, which is not written to while anyone reads it.
        rows: numbers of those that are wanted; None: all. Of a large file only the groups of rows that hold them are
            read, and the last few of these are kept.
    """
    state = path.stat()
    version = (state.st_mtime_ns, state.st_ino)
    return _all(path, version) if rows is None else _some(path, version, np.asarray(rows, dtype=np.int64))


def read_labels(path: Path) -> list[str]:
    """Every label in ``images.parquet``, sorted; nothing else is read."""
    return distinct(pq.read_table(path, columns=["labels"])["labels"])


@lru_cache(maxsize=1)
def _all(path: Path, version: tuple[int, int]) -> Records:
    return Records(completed(pq.read_table(path)))


def _some(path: Path, version: tuple[int, int], rows: Places) -> Records:
    if not len(rows):
        return Records.of([])
    ends = _ends(path, version)
    groups, of_row = np.unique(np.searchsorted(ends, rows, side="right"), return_inverse=True)
    tables = [_group(path, version, group) for group in groups.tolist()]
    in_file = np.concatenate([[0], ends])[groups]
    in_tables = np.cumsum([0, *map(len, tables)])[:-1]
    return Records(pa.concat_tables(tables)).take(rows + (in_tables - in_file)[of_row])


@lru_cache(maxsize=4)
def _group(path: Path, version: tuple[int, int], number: int) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return completed(file.read_row_group(number))


@lru_cache(maxsize=4)
def _ends(path: Path, version: tuple[int, int]) -> Places:
    """The row at which each group ends."""
    with pq.ParquetFile(path) as file:
        counts = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    return np.cumsum(np.asarray(counts, dtype=np.int64))
