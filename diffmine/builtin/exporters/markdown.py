"""Exporter ``markdown``."""

from __future__ import annotations

from diffmine.files.markdown import table
from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import patch_table


class Markdown(Exporter):
    """A pipe table."""

    name = "markdown"
    suffix = ".md"

    def export(self, contents: Contents, rows: Rows) -> bytes:
        patches = patch_table(contents, rows)
        cells = [["" if value is None else _text(value) for value in row.values()] for row in patches.to_pylist()]
        return ("\n".join(table(patches.column_names, cells)).rstrip() + "\n").encode()


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
