"""Over the pixels of all images together, does the map that places patches rank the element's first?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.annotated import OF_MAPS, Annotated, SplitConfig, of_maps
from diffmine.analysis.score_maps import normalized
from diffmine.interfaces import Metric
from diffmine.numerics.bootstrap import draws, percentile_interval
from diffmine.types import FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

THRESHOLDS = np.append(np.arange(0, 1, 0.001), 1.0)
Counts = NDArray[np.int64]


class Pooled(NamedTuple):
    """Pixels of one image by the threshold that their score reaches, the lowest first, each (thresholds,)."""

    image_id: str
    label: str
    on_element: Counts
    elsewhere: Counts


class PxAP(Metric):
    """Pixel average precision over all images together, PxAP of Choe et al. (2020).

    Choe et al., *Evaluating Weakly Supervised Object Localization Methods Right* (CVPR 2020): each map, upsampled to
    the image, is scaled to [0, 1]; at thresholds 0.001 apart, precision and recall are those of the pixels of all
    images pooled; PxAP = sum over thresholds of P_n (R_n - R_{n-1}). ``pixel_average_precision`` is told image by
    image, so that each counts the same; here large elements count more, and maps must be comparable across images.
    Over held-out images that have the element; the interval draws images again. Chance is the share of element pixels.
    In [0, 1]. Where the recipe places patches by another map than typicality, ``pxap_typicality`` is the same of
    typicality.
    """

    name = "pxap"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return of_maps(self.name, run, _count, self.config.split, _figures)


def average_precision(on_element: NDArray[np.integer], elsewhere: NDArray[np.integer]) -> NDArray[np.float64]:
    """Area under the precision-recall curve, from counts by threshold in the last axis, the lowest threshold first."""
    true = on_element[..., ::-1].cumsum(axis=-1)
    positive = true + elsewhere[..., ::-1].cumsum(axis=-1)
    gained = on_element[..., ::-1] / true[..., -1:]
    area: NDArray[np.float64] = (gained * true / np.maximum(positive, 1)).sum(axis=-1)
    return area


def _count(one: Annotated, values: FloatArray) -> Pooled:
    reached = np.searchsorted(THRESHOLDS, normalized(values), side="right") - 1
    on_element, elsewhere = (
        np.bincount(reached[pixels], minlength=len(THRESHOLDS)) for pixels in (one.mask, ~one.mask)
    )
    return Pooled(one.record.image_id, one.label, on_element, elsewhere)


def _figures(name: str, counted: Sequence[Pooled]) -> dict[str, MetricValue]:
    if not counted:
        return {}
    value = float(average_precision(*_pooled(counted)))
    names = sorted({one.image_id for one in counted})
    low, high = _interval(name, counted, names) if len(names) > 1 else (None, None)
    labels = sorted({one.label for one in counted})
    on_element, elsewhere = (int(pixels.sum()) for pixels in _pooled(counted))
    metric = MetricValue(
        value=value,
        low=None if low is None else min(low, value),
        high=None if high is None else max(high, value),
        chance=on_element / (on_element + elsewhere),
        count=len(names),
        per_label={
            label: float(average_precision(*_pooled([one for one in counted if one.label == label])))
            for label in labels
        },
    )
    return {name: metric}


def _pooled(counted: Sequence[Pooled]) -> tuple[Counts, Counts]:
    return sum(one.on_element for one in counted), sum(one.elsewhere for one in counted)  # type: ignore[return-value]


def _interval(name: str, counted: Sequence[Pooled], names: list[str]) -> tuple[float, float]:
    """Of images drawn again."""
    place = {image_id: row for row, image_id in enumerate(names)}
    parts = np.zeros((2, len(names), len(THRESHOLDS)))
    for one in counted:
        parts[:, place[one.image_id]] += one.on_element, one.elsewhere
    areas = [
        average_precision(weights @ parts[0], weights @ parts[1])
        for weights in draws(len(names), name, cells=len(THRESHOLDS))
    ]
    return percentile_interval(np.concatenate(areas))
