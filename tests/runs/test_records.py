"""Records as columns: the same, in any order asked for, as the list of objects that they stand for."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.numerics.rows import BATCH
from diffmine.runs.records import Records, RecordsById, read_labels, read_records, write_records
from diffmine.types import ImageRecord

NAMES = st.sampled_from(["a", "b", "ü", "🏙️ city", "a/b"])
RECORDS = st.lists(
    st.builds(
        ImageRecord,
        st.integers(0, 10**6).map(str),
        st.sampled_from(["x.png", "é/y.png"]),
        st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple),
        st.integers(1, 99),
        st.integers(1, 99),
        st.just("0" * 64),
        st.sampled_from(["train", "validation", "heldout"]),
        st.dictionaries(NAMES, NAMES, max_size=2),
        st.one_of(st.none(), st.integers(0, 3)),
        st.booleans(),
        st.sampled_from(["dataset", "training"]),
    ),
    max_size=30,
    unique_by=lambda record: record.image_id,
)
EARLIER = ["image_id", "path", "label", "labels", "width", "height", "digest", "split", "columns"]


def many(count: int) -> Records:
    digests = (hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(count))
    return Records.of(
        ImageRecord(digest[:20], f"shard/{digest[:8]}.png", (f"label {digest[0]}",), 16, 16, digest, "train")
        for digest in sorted(digests)
    )


@given(RECORDS, st.data())
def test_it_is_the_sequence_that_it_was_made_of(plain: list[ImageRecord], data: st.DataObject) -> None:
    records = Records.of(iter(plain))
    assert records == plain
    assert plain == list(records)
    assert records[::-1] == plain[::-1]
    assert Records.of(records) is records
    if plain:
        place = data.draw(st.integers(-len(plain), len(plain) - 1))
        assert records[place] == plain[place]
        rows = data.draw(st.lists(st.integers(0, len(plain) - 1)))
        assert records.take(rows) == [plain[row] for row in rows]
    with pytest.raises(IndexError):
        records[len(plain)]
    assert records != [*plain, "another"]


@given(RECORDS)
def test_arrays_say_what_each_record_says(plain: list[ImageRecord]) -> None:
    records = Records.of(plain)
    for name in ("mined", "in_sample", "scored", "evaluated"):
        assert getattr(records, name).tolist() == [getattr(one, name) for one in plain]
    assert records.folds.tolist() == [-1 if one.fold is None else one.fold for one in plain]
    assert records.in_split("heldout").tolist() == [one.split == "heldout" for one in plain]
    assert records.of_origin("training").tolist() == [one.origin == "training" for one in plain]
    assert records.labels == sorted({label for one in plain for label in one.labels})
    assert [records.labels[place] for place in records.first_labels] == [one.labels[0] for one in plain]
    for label in ("a", "b", "nobody's"):
        assert records.carrying(label).tolist() == [label in one.labels for one in plain]
    assert records.counts() == Counter(label for one in plain for label in one.labels)
    assert records.counts(records.mined) == Counter(label for one in plain if one.mined for label in one.labels)
    assert records.of_one_size == (len({(one.height, one.width) for one in plain}) == 1)
    ids = sorted(one.image_id for one in plain)
    assert [ids[place] for place in records.order] == [one.image_id for one in plain]


@given(RECORDS)
def test_by_id_it_is_the_dict_that_one_would_make(plain: list[ImageRecord]) -> None:
    by_id, expected = RecordsById(Records.of(plain)), {one.image_id: one for one in plain}
    assert dict(by_id) == expected
    assert list(by_id.values()) == plain
    assert list(by_id.items()) == list(expected.items())
    assert all(one.image_id in by_id for one in plain)
    assert "nobody" not in by_id
    assert 7 not in by_id
    with pytest.raises(KeyError, match="nobody"):
        by_id["nobody"]


@given(RECORDS)
def test_other_values_of_a_column_leave_the_rest(plain: list[ImageRecord]) -> None:
    turned = Records.of(plain).with_columns(mined=[not one.mined for one in plain])
    assert [one.mined for one in turned] == [not one.mined for one in plain]
    assert turned.with_columns(mined=[one.mined for one in plain]) == plain


def test_some_rows_of_a_file_are_those_of_all_whatever_groups_they_lie_in(tmp_path: Path) -> None:
    records, path = many(100), tmp_path / "images.parquet"
    pq.write_table(records.table, path, row_group_size=7)
    for rows in ([], [0], [99, 0, 50, 50], range(13, 22), np.arange(100)[::-3]):
        assert read_records(path, rows) == [records[int(row)] for row in rows]
    assert read_records(path) == records
    assert read_labels(path) == records.labels


def test_who_asks_for_some_rows_reads_no_others(tmp_path: Path) -> None:
    """What lies elsewhere in the file may be damaged."""
    records, path = many(100), tmp_path / "images.parquet"
    pq.write_table(records.table, path, row_group_size=10)
    last = pq.ParquetFile(path).metadata.row_group(9).column(0)
    data = bytearray(path.read_bytes())
    start = last.dictionary_page_offset or last.data_page_offset
    data[start : start + last.total_compressed_size] = bytes(last.total_compressed_size)
    path.write_bytes(data)
    assert read_records(path, range(90)) == records[:90]
    with pytest.raises(OSError, match=r"."):
        read_records(path, [95])


def test_a_file_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    for count in (5, 9):
        other = tmp_path / f"{count}.parquet"
        write_records(many(count), other)
        other.replace(path)
        assert len(read_records(path)) == count
        assert read_records(path, [count - 1]) == [many(count)[count - 1]]


def test_a_table_of_an_earlier_version_is_filled_in(tmp_path: Path) -> None:
    plain = [ImageRecord("a", "a", ("x",), 8, 8, "a", "train"), ImageRecord("b", "b", ("x",), 8, 8, "b", "heldout")]
    path = tmp_path / "images.parquet"
    pq.write_table(Records.of(plain).table.select(EARLIER), path)
    for found in (read_records(path), read_records(path, [0, 1])):
        assert [(one.fold, one.mined, one.origin) for one in found] == [
            (None, True, "dataset"),
            (None, False, "dataset"),
        ]


def test_it_takes_little_memory_and_travels() -> None:
    records = many(3 * BATCH + 1)
    assert records.table.nbytes < 250 * len(records)
    assert pickle.loads(pickle.dumps(records[5:9])) == list(records[5:9])
