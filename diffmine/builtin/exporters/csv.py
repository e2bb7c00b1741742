"""Exporter ``csv``."""

from __future__ import annotations

import io

from pyarrow import csv

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import patch_table


class Csv(Exporter):
    """A line a patch."""

    name = "csv"
    suffix = ".csv"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        buffer = io.BytesIO()
        csv.write_csv(patch_table(contents, rows), buffer)
        return buffer.getvalue()
