"""How often, and how typically, each element is found under each of a run's labels, along their axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from diffmine.analysis.ranking import ClusterRow
from diffmine.numerics.bootstrap import mean_interval
from diffmine.numerics.share_trends import share_trend
from diffmine.numerics.shares import modified_wilson
from diffmine.numerics.significance import benjamini_hochberg
from diffmine.runs.axis import Axis
from diffmine.types import ImageRecord, IntArray, Patch

RANKING = ("cluster", "rank")
"""What a cluster's row says of its place, which for an element is its number."""


def label_sizes(records: Iterable[ImageRecord], axis: Axis) -> dict[str, int]:
    """How many mined pictures carry each label; those without any are left out."""
    sizes = dict.fromkeys(axis.labels, 0)
    for record in records:
        for label in record.labels if record.mined else ():
            sizes[label] += 1
    return {label: size for label, size in sizes.items() if size}


def life_rows(
    element: int,
    patches: Sequence[Patch],
    axis: Axis,
    sizes: Mapping[str, int],
    at_least: Mapping[str, float | None],
) -> Iterator[dict[str, Any]]:
    """Rows of ``life.parquet`` of one element, one a label that has mined pictures, along the axis.

    Args:
        patches: the element's members, of all labels.
        sizes: label -> its mined pictures.
        at_least: label -> the share of the members under it that is more typical than chance, at least; None where none
            was tested.
    """
    for label, position in zip(axis.labels, axis.values, strict=True):
        if label in sizes:
            members = [patch for patch in patches if patch.label == label]
            found = len({patch.image_id for patch in members})
            low, high = modified_wilson(found, sizes[label])
            yield {
                "element": element,
                "label": label,
                "position": position,
                "pictures": sizes[label],
                "found": found,
                "share": found / sizes[label],
                "share_low": low,
                "share_high": high,
                "patches": len(members),
                **_typicality(members),
                "at_least": at_least.get(label) if members else None,
            }


def _typicality(members: Sequence[Patch]) -> dict[str, float | None]:
    """The mean over the members, with its interval over pictures."""
    if not members:
        return {"mean_typicality": None, "mean_low": None, "mean_high": None}
    ordered = sorted(members, key=lambda patch: (patch.typicality, patch.image_id))
    values, images = [patch.typicality for patch in ordered], [patch.image_id for patch in ordered]
    bounds = mean_interval(values, images, "life")
    mean = float(np.mean(values))
    return {
        "mean_typicality": mean,
        "mean_low": bounds.low if bounds else None,
        "mean_high": bounds.high if bounds else None,
    }


def element_rows(table: Sequence[ClusterRow], life: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of ``elements.parquet``: each element with the tests of its shares, corrected for their number.

    Args:
        table: what the ranking tells of each element.
        life: rows of ``life.parquet`` of all elements.
    """
    trends = []
    for one in table:
        steps = [step for step in life if step["element"] == one.cluster]
        trends.append(share_trend(*([step[name] for step in steps] for name in ("found", "pictures", "position"))))
    q_values = benjamini_hochberg([trend.either_p for trend in trends]).tolist()
    return [
        {
            "element": one.cluster,
            **{name: value for name, value in asdict(one).items() if name not in RANKING},
            "trend_z": trend.z,
            "trend_p": trend.trend_p,
            "change_p": trend.change_p,
            "linear": trend.linear,
            "q_value": q_value,
        }
        for one, trend, q_value in zip(table, trends, q_values, strict=True)
    ]


def members_of(element: IntArray, number: int, patches: Sequence[Patch]) -> list[Patch]:
    """The patches of one element."""
    return [patches[row] for row in np.flatnonzero(element == number).tolist()]
