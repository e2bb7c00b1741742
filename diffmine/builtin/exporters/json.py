"""Exporter ``json``."""

from __future__ import annotations

import json

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import patch_table


class Json(Exporter):
    """A list of objects, one a patch."""

    name = "json"
    suffix = ".json"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        table = patch_table(contents, rows).to_pylist()
        return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()
