"""Labels that form a tree, such as regions of countries: who is whose parent, and who are siblings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from diffmine.errors import DataError
from diffmine.types import ImageRecord, Item

Parents = Mapping[str, str | None]
"""Label -> the label above it; None: it is a root."""


def with_ancestors(items: Iterable[Item], hierarchy: Sequence[str]) -> Iterator[Item]:
    """The items, each with the labels above its own: its own first, then from fine to coarse.

    Args:
        hierarchy: columns of the items, from coarse to fine; an empty cell is passed over.
    Raises:
        DataError: an item has no such column, or a label lies in two places of the tree.
    """
    parents: dict[str, str | None] = {}
    for item in items:
        above = _above(item.columns, hierarchy, item.path)
        for label in item.labels:
            for child, parent in _links([*above, label]):
                if parents.setdefault(child, parent) != parent:
                    raise DataError(
                        f"the label {child!r} lies {_within(parents[child])} and {_within(parent)}, and [dataset] "
                        f"hierarchy = {list(hierarchy)} needs a tree; give each its own name, such as "
                        f"{f'{parent} {child}'!r}"
                    )
        yield replace(item, labels=tuple(dict.fromkeys((*item.labels, *reversed(above)))))


def parents_of(records: Iterable[ImageRecord], hierarchy: Sequence[str] | None) -> Parents:
    """The tree of a run's labels; empty where they have no hierarchy.

    A picture that was found under several labels has the columns of one of them; what most pictures say counts.
    """
    votes: dict[str, Counter[str | None]] = defaultdict(Counter)
    for record in records if hierarchy else ():
        above = [text for name in hierarchy or () if (text := record.columns.get(name))]
        for label in record.labels:
            chain = above[: above.index(label)] if label in above else above
            votes[label][chain[-1] if chain else None] += 1
    return {label: max(found, key=lambda one: (found[one], one or "")) for label, found in votes.items()}


def children_of(parents: Parents) -> Mapping[str | None, Sequence[str]]:
    """Label -> the labels right below it, sorted; those of None are roots."""
    children: dict[str | None, list[str]] = defaultdict(list)
    for label in sorted(parents):
        children[parents[label]].append(label)
    return children


def siblings_of(
    labels: Sequence[str], parents: Parents, children: Mapping[str | None, Sequence[str]]
) -> tuple[str, ...]:
    """The labels that share a parent with one of a picture's, see ``ImageRecord.siblings``."""
    near = (other for label in labels if label in parents for other in children[parents[label]])
    return tuple(dict.fromkeys(other for other in near if other not in labels))


def _above(columns: Mapping[str, str], hierarchy: Sequence[str], path: str) -> list[str]:
    for name in hierarchy:
        if name not in columns:
            known = ", ".join(map(repr, columns)) or "none"
            raise DataError(f"{path} has no column {name!r}, which [dataset] hierarchy names; it has: {known}")
    return [columns[name] for name in hierarchy if columns[name]]


def _links(chain: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(label, label above it), of labels from coarse to fine."""
    return zip(chain, [None, *chain[:-1]], strict=True)


def _within(parent: str | None) -> str:
    return "at the top" if parent is None else f"in {parent!r}"
