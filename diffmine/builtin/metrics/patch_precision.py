"""Does the best patch of an image show the element?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import OF_MAPS, Annotated, Measured, SplitConfig, annotated, mean_over_images
from diffmine.analysis.proposals import proposed
from diffmine.analysis.showing import chance_to_show, shows
from diffmine.interfaces import Metric
from diffmine.types import Candidate, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CONTROL = "random"


class PatchPrecision(Metric):
    """Share of images whose best patch shows the element, beside that of random patches.

    ``patch_precision``: for each held-out image that has the element, the best patch that the run's selector proposes
    in it; ``patch_precision_random``: a random one, in expectation (the mean over the patches that the ``random``
    control proposes). A patch counts when at least a quarter of it is element, or when it holds at least half of the
    element. Chance of both is the mean share of all positions (stride 1) at which a patch of this size would count.
    Images in which no patch is proposed are left out. In [0, 1].
    """

    name = "patch_precision"
    version = 2
    reads = OF_MAPS
    Config = SplitConfig
    config: SplitConfig

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        best, random = [], []
        for one in annotated(run, self.config.split):
            best += _measure(one, proposed(run, run.selector, one.record, one.label)[:1])
            for control in run.selector.controls():
                if control.name == CONTROL:
                    random += _measure(one, proposed(run, control, one.record, one.label))
        return {
            **mean_over_images(self.name, best),
            **mean_over_images(f"{self.name}_{CONTROL}", random, better="none"),
        }


def _measure(one: Annotated, found: Sequence[Candidate]) -> list[Measured]:
    """The share of patches that show the element; nothing where there are none."""
    if not found:
        return []
    value = fmean(shows(one.mask, patch.box) for patch in found)
    chance = chance_to_show(one.mask, found[0].box.y1 - found[0].box.y0)
    return [Measured(one.record.image_id, one.label, value, chance, answers=len(found))]
