"""The pictures of a run, each with the labels that are no null for it or share a parent with its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pyarrow as pa

from diffmine.numerics.rows import BATCH
from diffmine.runs.axis import Axis, related_to
from diffmine.runs.hierarchy import Parents, children_of, siblings_of
from diffmine.runs.records import Records

Labels = tuple[str, ...]


def with_kin(records: Records, axis: Axis | None, parents: Parents) -> Records:
    """The records with ``ImageRecord.related`` by the order of labels, and ``siblings`` by their tree.

    Args:
        axis: see :func:`diffmine.runs.axis.axis_of`; None: labels have no order.
        parents: see :func:`diffmine.runs.hierarchy.parents_of`; empty: they form no tree.
    """
    if axis is not None:
        near = axis.related
        records = _with(records, "related", lambda labels: related_to(labels, near))
    if parents:
        children = children_of(parents)
        records = _with(records, "siblings", lambda labels: siblings_of(labels, parents, children))
    return records


def _with(records: Records, column: str, kin_of: Callable[[Labels], Labels]) -> Records:
    """One column anew; the labels of pictures repeat, so that each choice of them is looked at once."""
    known, kind = cache(kin_of), records.table.schema.field(column).type
    labels = records.table["labels"]
    starts = range(0, len(labels), BATCH)
    chunks = [pa.array([known(tuple(one)) for one in labels.slice(start, BATCH).to_pylist()], kind) for start in starts]
    return records.with_columns(**{column: pa.chunked_array(chunks, kind)})
