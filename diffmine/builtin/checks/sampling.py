"""The pictures that checks look at, where all would be too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_PICTURES = 60


def some_records(run: Run, label: str, *, carrying: bool, most: int = MOST_PICTURES) -> list[ImageRecord]:
    """Some pictures that carry a label, or do not; first those that the model has not learned from."""
    records = run.all_records
    rows = np.flatnonzero(records.carrying(label) == carrying)
    rows = rows[np.argsort(records.order[rows])]
    drawn = rows[numpy_generator("diagnosis", "pictures", label, carrying).permutation(len(rows))]
    return list(records.take(drawn[np.argsort(records.in_sample[drawn], kind="stable")][:most]))
