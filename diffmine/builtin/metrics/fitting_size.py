"""Which patch size fits what the labels explain?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from diffmine.analysis.annotated import OF_MAPS, SplitConfig, measured_records
from diffmine.analysis.proposals import best_typicality, of_size
from diffmine.interfaces import Metric, PatchSelector
from diffmine.numerics.bootstrap import median_interval
from diffmine.types import ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_PICTURES = 400


class FittingSize(Metric):
    """The patch size that fits what labels explain in most pictures, in pixels; needs no masks.

    From half of the run's own size to twice as much, in steps of about a third, on held-out images (at most 400): how
    much more typical the best patch is under the image's own label than under a wrong one, times its side. That is the
    signal-to-noise ratio of a window under white noise, which is largest at the element's own size (a matched filter).
    The figure is the median over images whose own label is ahead, its interval a bootstrap's. ``diffmine tune`` places
    patches by other draws than it judges them by.
    """

    name = "fitting_size"
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        selectors = [of_size(run.selector, size) for size in tried(run.selector)]
        records = sorted(measured_records(run, self.config.split), key=lambda one: one.digest)[:MOST_PICTURES]
        found = [(record.image_id, *best) for record in records for best in _best(run, record, selectors)]
        if not found:
            return {}
        images, labels, sizes = (list(column) for column in zip(*found, strict=True))
        of_label: dict[str, list[int]] = defaultdict(list)
        for label, size in zip(labels, sizes, strict=True):
            of_label[label].append(size)
        interval = median_interval(sizes, images, self.name)
        figure = MetricValue(
            _median(sizes),
            low=min(interval.low, _median(sizes)) if interval else None,
            high=max(interval.high, _median(sizes)) if interval else None,
            count=len(set(images)),
            per_label={label: _median(of_label[label]) for label in sorted(of_label)},
            better="none",
        )
        return {self.name: figure}


def tried(selector: PatchSelector) -> list[int]:
    """The sizes of a run's patches, smaller ones down to half and larger ones up to twice, pixels, rising."""
    own = getattr(selector.config, "sizes", ()) or (selector.config.size,)
    least, most = min(own), max(own)
    return sorted({*own, max(1, least // 2), max(1, 3 * least // 4), 3 * most // 2, 2 * most})


def _best(run: Run, record: ImageRecord, selectors: Sequence[PatchSelector]) -> Iterator[tuple[str, int]]:
    """(label, size) for each own label of an image that is ahead of a wrong one at some size."""
    roles = run.maps.roles(record.image_id)
    fitting = [one for one in selectors if one.config.size <= min(record.width, record.height)]
    strengths = {
        label: np.array([one.config.size * (best_typicality(run, record, label, one) or 0.0) for one in fitting])
        for label, role in roles.items()
        if role != "other"
    }
    wrong = [strengths[label] for label, role in roles.items() if role == "null"]
    for label in (label for label, role in roles.items() if role == "own"):
        gap = strengths[label] - np.mean(wrong, axis=0) if wrong and fitting else np.zeros(1)
        if gap.max() > 0:
            yield label, fitting[int(gap.argmax())].config.size


def _median(sizes: Sequence[int]) -> float:
    """The size of the middle picture, one of those tried."""
    return float(np.quantile(sizes, 0.5, method="inverted_cdf"))
