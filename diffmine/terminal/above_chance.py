"""How many patches stand above chance, and how many of a cluster at least do."""

from __future__ import annotations

import numpy as np

from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.contents import Contents, Rows


def above_chance(contents: Contents, label: str, rows: Rows) -> str | None:
    """How many of a label's patches stand above chance, or that nobody can tell; None where no q-value is known."""
    if "q_value" not in contents.run.patches.column_names:
        return None
    q_values = contents.column("q_value")[rows]
    if np.isnan(q_values).all():
        return None
    standing = contents.standings[label]
    if standing.by_bound:
        return f"at least {typical_at_least(contents, label, rows):,}"
    return f"{np.sum(q_values <= FALSE_DISCOVERIES):,}" if standing.decidable else standing.cannot_tell


def remarks(contents: Contents, label: str, rows: Rows) -> list[str]:
    """``137 above chance``, where q-values are known; or that nobody can tell."""
    above = above_chance(contents, label, rows)
    return [] if above is None else [f"{above} above chance" if contents.standings[label].told else above]


def typical_at_least(contents: Contents, label: str, rows: Rows) -> int:
    """How many of a label's patches are typical at least, by the bounds of those clusters that lie in the rows."""
    among = set(rows.tolist())
    clusters = [one for one in contents.clusters(label) if among.issuperset(one.rows.tolist())]
    return round(sum((one.facts["at_least"] or 0.0) * len(one.rows) for one in clusters))


def column(contents: Contents, groups: list[tuple[str, Rows]]) -> tuple[str, list[str]]:
    """The heading and a cell a group: how many patches and, where q-values are known, how many stand above chance."""
    found = [above_chance(contents, label, rows) for label, rows in groups]
    if all(above is None for above in found):
        return "patches", [f"{len(rows):,}" for _, rows in groups]
    return "patches\nabove chance", [
        f"{(above or '–').replace('at least', '≥')} of {len(rows):,}"
        if contents.standings[label].told
        else _narrow(str(above))
        for above, (label, rows) in zip(found, groups, strict=True)
    ]


def _narrow(text: str) -> str:
    return text.replace(", at best ", ",\nat best\n")
