"""The pictures that checks look at, where all would be too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_PICTURES = 60


def some_records(run: Run, label: str, *, carrying: bool, most: int = MOST_PICTURES) -> list[ImageRecord]:
    """Some pictures that carry a label, or do not; first those that the model has not learned from."""
    found = sorted(
        (record for record in run.records.values() if (label in record.labels) == carrying),
        key=lambda record: record.image_id,
    )
    drawn = numpy_generator("diagnosis", "pictures", label, carrying).permutation(len(found))
    return sorted((found[place] for place in drawn), key=lambda record: record.in_sample)[:most]
