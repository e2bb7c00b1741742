"""Exporter ``parquet``."""

from __future__ import annotations

import io

import pyarrow.parquet as pq

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import patch_table


class Parquet(Exporter):
    """A Parquet file."""

    name = "parquet"
    suffix = ".parquet"
    binary = True

    def export(self, contents: Contents, rows: Rows) -> bytes:
        buffer = io.BytesIO()
        pq.write_table(patch_table(contents, rows), buffer)
        return buffer.getvalue()
