"""What every column keeps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from diffmine.interfaces import Column
from diffmine.runs.contents import Contents
from diffmine.testing.contracts.shown import ShownRuns


class ColumnContract(ShownRuns):
    """Subclass this and return your column from a fixture ``column``."""

    def test_its_name_is_free(self, column: Column, contents: Contents) -> None:
        assert column.name not in contents.run.patches.column_names

    def test_there_is_one_value_a_row(self, column: Column, contents: Contents) -> None:
        rows = np.arange(contents.run.patches.num_rows)
        values = column.values(contents, rows)
        assert isinstance(values, (pa.Array, pa.ChunkedArray))
        assert len(values) == len(rows)
        assert values.null_count < len(values), "the column is empty"

    def test_values_follow_their_rows(self, column: Column, contents: Contents) -> None:
        rows = np.arange(contents.run.patches.num_rows)
        every = column.values(contents, rows).to_pylist()
        some = rows[::-3].copy()
        assert column.values(contents, some).to_pylist() == [every[row] for row in some.tolist()]

    def test_no_rows_have_no_values(self, column: Column, contents: Contents) -> None:
        assert len(column.values(contents, np.empty(0, dtype=np.int64))) == 0
