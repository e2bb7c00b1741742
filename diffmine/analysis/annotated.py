"""Pictures that figures are told of, those whose element is known, and metrics over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import Field

from diffmine.interfaces import ComponentConfig
from diffmine.numerics.bootstrap import Interval, mean_interval
from diffmine.numerics.shares import mean_share_interval
from diffmine.types import Better, BoolArray, FloatArray, ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MeasuredSplit = Literal["heldout", "validation"]
T = TypeVar("T")
OF_MAPS = ("images", "typicality")
"""The stages that decide the figures of metrics which look at pictures, masks and maps."""


class SplitConfig(ComponentConfig):
    """The option of metrics that can also be told of the pictures on which settings are chosen."""

    split: MeasuredSplit = Field(
        "heldout",
        description="pictures to measure: heldout (those that no setting was chosen on), or validation, to choose "
        "settings on",
    )


@dataclass(frozen=True, slots=True)
class Annotated:
    """A picture that has the element of one of its labels.

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
        answers: where the value is a share, of how many yes-or-no answers; None where it is none.
    """

    image_id: str
    label: str
    value: float
    chance: float
    answers: int | None = None


def measured_records(run: Run, split: MeasuredSplit = "heldout") -> Iterator[ImageRecord]:
    """The pictures that figures are told of: with ``heldout``, those on which nothing was learned or chosen."""
    records = run.all_records
    yield from records.where(records.evaluated if split == "heldout" else records.in_split("validation"))


def annotated(run: Run, split: MeasuredSplit = "heldout") -> Iterator[Annotated]:
    """Every such picture that has the element of a label it carries, once for each such label."""
    for record in measured_records(run, split):
        masks = run.masks(record.image_id)
        for label in record.labels:
            if label in masks and masks[label].any():
                yield Annotated(record, label, masks[label])


def mean_over_images(name: str, measured: Sequence[Measured], better: Better = "higher") -> dict[str, MetricValue]:
    """The mean over images with its interval, its chance level and the mean for each label; empty over no images.

    The interval of shares is that of :func:`~diffmine.numerics.shares.mean_share_interval`; of other values, a
    bootstrap's. One image has none.

    Args:
        better: which figures are better; ``none`` for a control's.
    """
    if not measured:
        return {}
    values = [one.value for one in measured]
    interval = _interval(name, measured)
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


def of_maps(
    name: str,
    run: Run,
    measure: Callable[[Annotated, FloatArray], T],
    split: MeasuredSplit,
    figures: Callable[[str, Sequence[T]], Mapping[str, MetricValue]],
) -> dict[str, MetricValue]:
    """``name``: of the map that places the run's patches; ``name_typicality``: of typicality, where that is another.

    Args:
        measure: takes a map at the size of the image, float32, (height, width).
        figures: makes figures, which the name begins, of what was measured; :func:`mean_over_images` or another.
    """
    placing, typicality, differ = [], [], False
    for one in annotated(run, split):
        places = run.placing_image(one.record.image_id, one.label)
        typical = run.typicality_image(one.record.image_id, one.label)
        same = np.array_equal(places, typical)
        differ |= not same
        placing.append(measure(one, places))
        typicality.append(placing[-1] if same else measure(one, typical))
    return {**figures(name, placing), **(figures(f"{name}_typicality", typicality) if differ else {})}


def _interval(name: str, measured: Sequence[Measured]) -> Interval | None:
    values, images = [one.value for one in measured], [one.image_id for one in measured]
    answers = [one.answers for one in measured if one.answers is not None]
    if len(set(images)) < 2:
        return None
    if len(answers) < len(measured):
        return mean_interval(values, images, name)
    return mean_share_interval(values, images, answers)
