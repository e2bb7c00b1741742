"""The comparison as tables: for the terminal, and as CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from diffmine.files.atomic import write_atomically
from diffmine.files.markdown import table as markdown_table
from diffmine.terminal.rich_tables import counted, name, new_table
from diffmine_localize.comparison import MEASURES, Compared, Pairs

MEASURE_OF = {measure.name: measure for measure in MEASURES}
HEADINGS = ("measure", "before", "after", "difference", "95 % interval", "chance")


def as_json(rows: Sequence[Compared]) -> str:
    """The comparison for machines: a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False)


def terminal_table(rows: Sequence[Compared]) -> Table:
    """A block of rows for each finding, below its name."""
    table = new_table(*HEADINGS, left=HEADINGS[:1])
    shown = ""
    for row in rows:
        if row.finding != shown:
            shown = row.finding
            table.add_row(name(f"{shown}, {counted(row.pictures, 'picture')}", "bold"))
        table.add_row(*_cells(row))
    return table


def write_tables(folder: Path, rows: Sequence[Compared], pairs: Pairs) -> None:
    """``localization.csv``, ``.json`` and ``.md``, and ``pictures.csv``: a row for each picture under each finding."""
    _write(folder / "localization.csv", _csv([asdict(row) for row in rows]))
    _write(folder / "localization.json", as_json(rows) + "\n")
    _write(
        folder / "localization.md", "\n".join(markdown_table(("finding", "pictures", *HEADINGS), _named_cells(rows)))
    )
    _write(folder / "pictures.csv", _csv(list(_pictures(pairs))))


def _named_cells(rows: Sequence[Compared]) -> list[list[str]]:
    return [[row.finding, str(row.pictures), *_cells(row)] for row in rows]


def _cells(row: Compared) -> list[str]:
    """Texts under ``HEADINGS``."""
    measure = MEASURE_OF[row.measure]

    def told(value: float, sign: str = "") -> str:
        return f"{value * measure.times:{sign}.{measure.digits}f}"

    bounds = "" if row.low is None or row.high is None else f"{told(row.low, '+')} to {told(row.high, '+')}"
    chance = "" if row.chance is None else told(row.chance)
    title = measure.title if measure.times == 1 else f"{measure.title}, x {measure.times}"
    return [title, told(row.before), told(row.after), told(row.difference, "+"), bounds, chance]


def _pictures(pairs: Pairs) -> Iterator[dict[str, Any]]:
    for before, after in pairs:
        which = {"finding": after.finding, "image_id": after.image_id, "path": after.path, "share": after.share}
        values = {
            f"{measure.name}_{when}": getattr(one, measure.name)
            for measure in MEASURES
            for when, one in (("before", before), ("after", after))
        }
        yield {**which, **values}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    write_atomically(path, text.encode())
