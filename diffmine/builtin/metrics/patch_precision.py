"""Does the best patch of an image show the element?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import Annotated, Measured, annotated_heldout, mean_over_images
from diffmine.analysis.showing import chance_to_show, shows
from diffmine.interfaces import Metric
from diffmine.runs.tables import patches_of
from diffmine.types import Box, MetricValue, Patch

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CONTROL = "random"


class PatchPrecision(Metric):
    """Share of images whose best patch shows the element, beside that of random patches.

    ``patch_precision``: for each held-out image that has the element, the best patch that the run's selector found in
    it; ``patch_precision_random``: a random one, in expectation (the mean over the image's patches of the ``random``
    control). A patch counts when at least a quarter of it is element, or when it holds at least half of the element.
    Chance of both is the mean share of all positions (stride 1) at which a patch of this size would count. Images of
    which no patch was kept are left out. In [0, 1].
    """

    name = "patch_precision"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        images = list(annotated_heldout(run))
        patches = patches_of(run.heldout_patches) if images else []
        best = {key: found[:1] for key, found in by_image(patches, run.selection).items()}
        return {
            **mean_over_images(self.name, measure(images, best)),
            **mean_over_images(f"{self.name}_random", measure(images, by_image(patches, CONTROL)), better="none"),
        }


def by_image(patches: list[Patch], selection: str) -> dict[tuple[str, str], list[Box]]:
    """(image, label) -> its patches of a selection, best first."""
    boxes: dict[tuple[str, str], list[Box]] = defaultdict(list)
    for patch in sorted(patches, key=lambda patch: patch.rank):
        if patch.selection == selection:
            boxes[patch.image_id, patch.label].append(patch.box)
    return boxes


def measure(images: list[Annotated], boxes: Mapping[tuple[str, str], list[Box]]) -> list[Measured]:
    """The share of patches that show the element, for each image that has patches."""
    measured = []
    for one in images:
        if found := boxes.get((one.record.image_id, one.label)):
            value = fmean(shows(one.mask, box) for box in found)
            chance = chance_to_show(one.mask, found[0].y1 - found[0].y0)
            measured.append(Measured(one.record.image_id, one.label, value, chance))
    return measured
