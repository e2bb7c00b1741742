"""Does the best patch of an image show the element?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from diffmine.builtin.metrics.annotated import Annotated, Measured, annotated_heldout, figure
from diffmine.interfaces import Metric
from diffmine.maps import window_means
from diffmine.seeding import derive_seed
from diffmine.tables import patches_of
from diffmine.types import BoolArray, Box, MetricValue, Patch

if TYPE_CHECKING:
    from diffmine.run_folder import Run

SHARE_OF_PATCH = 0.25
SHARE_OF_ELEMENT = 0.5
CONTROL = "random"


class PatchPrecision(Metric):
    """Share of images whose best patch shows the element, beside that of random patches.

    ``patch_precision``: for each held-out image that has the element, the best patch that the run's selector found in
    it; ``patch_precision_random``: one patch drawn from the ``random`` control. A patch counts when at least a quarter
    of it is element, or when it holds at least half of the element. Chance of both is the mean share of all positions
    (stride 1) at which a patch of this size would count. Images of which no patch was kept are left out. In [0, 1].
    """

    name = "patch_precision"

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        images = list(annotated_heldout(run))
        patches = patches_of(run.heldout_patches) if images else []
        return {
            **figure(self.name, measure(images, best_patches(patches, run.selection))),
            **figure(f"{self.name}_random", measure(images, drawn_patches(patches))),
        }


def best_patches(patches: list[Patch], selection: str) -> dict[tuple[str, str], Box]:
    """(image, label) -> its patch of the lowest rank."""
    chosen = sorted((patch for patch in patches if patch.selection == selection), key=lambda patch: -patch.rank)
    return {(patch.image_id, patch.label): patch.box for patch in chosen}


def drawn_patches(patches: list[Patch]) -> dict[tuple[str, str], Box]:
    """(image, label) -> one of its control patches, by a draw keyed by what it is, so that order does not matter."""
    controls = [patch for patch in patches if patch.selection == CONTROL]
    controls.sort(key=lambda patch: derive_seed("patch_precision", patch.image_id, patch.label, patch.box))
    return {(patch.image_id, patch.label): patch.box for patch in controls}


def measure(images: list[Annotated], boxes: Mapping[tuple[str, str], Box]) -> list[Measured]:
    """Judge the box of each image that has one."""
    found = [(one, boxes.get((one.record.image_id, one.label))) for one in images]
    return [
        Measured(one.record.image_id, one.label, float(shows(one.mask, box)), chance(one.mask, box))
        for one, box in found
        if box is not None
    ]


def shows(mask: BoolArray, box: Box) -> bool:
    """Whether a patch shows the element."""
    inside = mask[box.slices()].sum()
    return bool(inside >= SHARE_OF_PATCH * box.area or inside >= SHARE_OF_ELEMENT * mask.sum())


def chance(mask: BoolArray, box: Box) -> float:
    """Share of the positions at which a square patch of this size shows the element."""
    size = box.y1 - box.y0
    inside = np.rint(window_means(mask.astype(np.float64), size) * size**2)
    return float(((inside >= SHARE_OF_PATCH * size**2) | (inside >= SHARE_OF_ELEMENT * mask.sum())).mean())
