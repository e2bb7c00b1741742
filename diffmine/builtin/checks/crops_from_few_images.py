"""Clusters that show a picture or two, not a pattern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.builtin.checks.best_clusters import about, best_clusters
from diffmine.interfaces import Check
from diffmine.types import Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FEW_IMAGES = 1 / 3
FROM_FEW_IMAGES = "from few images"


class CropsFromFewImages(Check):
    """Clusters that show a picture or two, not a pattern."""

    name = "crops_from_few_images"

    def check(self, run: Run) -> Sequence[Finding]:
        found = []
        for label, cluster, members in best_clusters(run):
            images = Counter(members.image_ids)
            if len(images) <= max(1, FEW_IMAGES * len(members.patches)):
                found.append(
                    about(
                        label,
                        cluster,
                        FROM_FEW_IMAGES,
                        f"its {len(members.patches)} patches come from {len(images)} "
                        f"{'image' if len(images) == 1 else 'images'}; lower patches.per_image for more variety",
                    )
                )
        return found
