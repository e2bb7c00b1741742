"""How many patches stand above chance."""

from __future__ import annotations

import numpy as np

from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.contents import Contents, Rows


def above_chance(contents: Contents, rows: Rows) -> int | None:
    """How many of the patches stand above chance; None where no q-value is known."""
    if "q_value" not in contents.run.patches.column_names:
        return None
    q_values = contents.column("q_value")[rows]
    return None if np.isnan(q_values).all() else int(np.sum(q_values <= FALSE_DISCOVERIES))


def remarks(contents: Contents, rows: Rows) -> list[str]:
    """``137 above chance``, where q-values are known."""
    above = above_chance(contents, rows)
    return [] if above is None else [f"{above:,} above chance"]


def column(contents: Contents, groups: list[Rows]) -> tuple[str, list[str]]:
    """The heading and a cell a group: how many patches and, where q-values are known, how many stand above chance."""
    counts = [above_chance(contents, rows) for rows in groups]
    if all(above is None for above in counts):
        return "patches", [f"{len(rows):,}" for rows in groups]
    cells = zip(("–" if above is None else f"{above:,}" for above in counts), groups, strict=True)
    return "patches\nabove chance", [f"{above} of {len(rows):,}" for above, rows in cells]
