"""Labels that have an order, such as years: their axis, and which of them are too near each other to be a null."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from diffmine.errors import DataError
from diffmine.types import Related

Order = Literal["numeric"] | Sequence[str]
"""How ``[dataset] order`` says it: by the numbers that labels are, or by their list."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The labels of a run in order.

    Attributes:
        labels: along the axis.
        values: where each stands: its number, or its place in the list, from 0; never falling.
        places: which label each is along the axis, counting those of a list that no picture has.
        neighbours: labels on either side of one that are no null for it.
    """

    labels: tuple[str, ...]
    values: tuple[float, ...]
    places: tuple[int, ...]
    neighbours: int

    @property
    def related(self) -> Related:
        """Each label's neighbours."""
        return {
            label: tuple(
                other
                for other, there in zip(self.labels, self.places, strict=True)
                if other != label and abs(there - here) <= self.neighbours
            )
            for label, here in zip(self.labels, self.places, strict=True)
        }

    @property
    def without_null(self) -> tuple[str, ...]:
        """The labels of which every other one is a neighbour, so that their patches have no p-values."""
        return tuple(label for label, near in self.related.items() if len(near) == len(self.labels) - 1)


def axis_of(labels: Collection[str], order: Order | None, neighbours: int) -> Axis | None:
    """The axis of a run's labels; None where they have no order.

    Args:
        labels: every label of the run.
        order: of ``[dataset]``.
        neighbours: of ``[dataset]``.
    Raises:
        DataError: a label has no place in the order.
    """
    if order is None:
        return None
    if order == "numeric":
        ordered = sorted((_number(label), label) for label in labels)
        names = tuple(label for _, label in ordered)
        return Axis(names, tuple(value for value, _ in ordered), tuple(range(len(names))), neighbours)
    places = {label: place for place, label in enumerate(order)}
    for label in sorted(labels):
        if label not in places:
            raise DataError(
                f"the label {label!r} is not in [dataset] order, which lists {_some(order)}; list it where it belongs, "
                "or name the labels to keep in [dataset] labels"
            )
    names = tuple(label for label in order if label in labels)
    found = tuple(places[label] for label in names)
    return Axis(names, tuple(map(float, found)), found, neighbours)


def axis_of_table(labels: Collection[str], dataset: Mapping[str, Any]) -> Axis | None:
    """The axis of a run's labels, by the recipe's ``[dataset]`` as it was resolved."""
    return axis_of(labels, dataset.get("order"), dataset.get("neighbours", 1))


def related_to(labels: Collection[str], related: Related) -> tuple[str, ...]:
    """The labels that are no null for a picture with these, see ``ImageRecord.related``."""
    near = dict.fromkeys(other for label in labels for other in related.get(label, ()))
    return tuple(label for label in near if label not in labels)


def _number(label: str) -> float:
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f'the label {label!r} is not a number, as [dataset] order = "numeric" needs; list the labels in their '
            'order instead: order = ["FIRST", "SECOND", ...]'
        )
    return value


def _some(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:5])) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")
