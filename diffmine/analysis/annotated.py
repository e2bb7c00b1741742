"""Held-out images whose element is known, and metrics over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffmine.numerics.bootstrap import mean_interval
from diffmine.types import Better, BoolArray, FloatArray, ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@dataclass(frozen=True, slots=True)
class Annotated:
    """A held-out image that has the element of one of its labels.

    Attributes:
        record: the image.
        label: the label.
        mask: bool, (height, width), True on the element; at least one pixel.
    """

    record: ImageRecord
    label: str
    mask: BoolArray


@dataclass(frozen=True, slots=True)
class Measured:
    """One image under one label, measured.

    Attributes:
        image_id: the image.
        label: the label.
        value: what was measured.
        chance: what a picture-blind guess reaches on this image.
    """

    image_id: str
    label: str
    value: float
    chance: float


def annotated_heldout(run: Run) -> Iterator[Annotated]:
    """Every held-out image that has the element of a label it carries, once for each such label."""
    for record in run.records.values():
        if record.evaluated:
            masks = run.masks(record.image_id)
            for label in record.labels:
                if label in masks and masks[label].any():
                    yield Annotated(record, label, masks[label])


def mean_over_images(name: str, measured: Sequence[Measured], better: Better = "higher") -> dict[str, MetricValue]:
    """The mean over images with its interval, its chance level and the mean for each label; empty over no images.

    Args:
        better: which figures are better; ``none`` for a control's.
    """
    if not measured:
        return {}
    values = [one.value for one in measured]
    interval = mean_interval(values, [one.image_id for one in measured], name)
    by_label: dict[str, list[float]] = defaultdict(list)
    for one in measured:
        by_label[one.label].append(one.value)
    metric = MetricValue(
        value=float(np.mean(values)),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        chance=float(np.mean([one.chance for one in measured])),
        count=len({one.image_id for one in measured}),
        per_label={label: float(np.mean(by_label[label])) for label in sorted(by_label)},
        better=better,
    )
    return {name: metric}


def of_maps(name: str, run: Run, measure: Callable[[Annotated, FloatArray], Measured]) -> dict[str, MetricValue]:
    """``name``: of the map that places the run's patches; ``name_typicality``: of typicality, where that is another.

    Args:
        measure: takes a map at the size of the image, float32, (height, width).
    """
    placing, typicality, differ = [], [], False
    for one in annotated_heldout(run):
        places = run.placing_image(one.record.image_id, one.label)
        typical = run.typicality_image(one.record.image_id, one.label)
        differ |= not np.array_equal(places, typical)
        placing.append(measure(one, places))
        typicality.append(measure(one, typical))
    return {**mean_over_images(name, placing), **(mean_over_images(f"{name}_typicality", typicality) if differ else {})}
