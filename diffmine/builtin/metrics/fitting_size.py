"""Which patch size fits what the labels explain?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from diffmine.analysis.annotated import SplitConfig, measured_records
from diffmine.analysis.proposals import best_typicality, of_size
from diffmine.interfaces import Metric, PatchSelector
from diffmine.types import ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_PICTURES = 400


class FittingSize(Metric):
    """The patch size that fits what labels explain in most pictures, in pixels; needs no masks.

    The run's own size, half of it and twice as much are tried on held-out images (at most 400): how much more typical
    the best patch is under the image's own label than under a wrong one, times its side. That is the signal-to-noise
    ratio of a window under white noise, which is largest at the element's own size (a matched filter). The figure is
    the median over images whose own label is ahead. ``diffmine tune`` compares more sizes, and places patches by other
    draws than it judges them by.
    """

    name = "fitting_size"
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        selectors = [of_size(run.selector, size) for size in tried(run.selector)]
        records = sorted(measured_records(run, self.config.split), key=lambda one: one.digest)[:MOST_PICTURES]
        best: dict[str, list[int]] = defaultdict(list)
        for record in records:
            for label, size in _best(run, record, selectors):
                best[label].append(size)
        everything = [size for sizes in best.values() for size in sizes]
        if not everything:
            return {}
        per_label = {label: _median(sizes) for label, sizes in sorted(best.items())}
        figure = MetricValue(_median(everything), count=len(everything), per_label=per_label, better="none")
        return {self.name: figure}


def tried(selector: PatchSelector) -> list[int]:
    """The sizes of a run's patches, half of the smallest and twice the largest, pixels."""
    own = sorted(getattr(selector.config, "sizes", ()) or (selector.config.size,))
    return [size for size in (own[0] // 2, *own, 2 * own[-1]) if size > 0]


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
