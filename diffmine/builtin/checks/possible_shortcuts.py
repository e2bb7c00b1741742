"""Clusters that show a watermark, a tag or a frame, as far as pixels and places can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from diffmine.analysis import shortcuts
from diffmine.analysis.shortcuts import Crops
from diffmine.builtin.checks.best_clusters import about, best_clusters
from diffmine.interfaces import Check
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.contents import LabelClusters
from diffmine.runs.tables import patches_of
from diffmine.types import ByteArray, Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_MEMBERS = 40
OTHER_PICTURES = 60
SHORTCUT = "possible shortcut"
OpenPicture = Callable[[str], ByteArray]


class PossibleShortcuts(Check):
    """Clusters that show a watermark, a tag or a frame, as far as pixels and places can tell."""

    name = "possible_shortcuts"

    def check(self, run: Run) -> Sequence[Finding]:
        picture = lru_cache(maxsize=256)(run.picture)
        usual = _usual_edges(run, picture)
        clusters = [(label, cluster, _crops(members, picture)) for label, cluster, members in best_clusters(run)]
        # Where most clusters are locked, the pictures are aligned, and to be locked says nothing.
        aligned = np.mean([shortcuts.is_locked(crops) for _, _, crops in clusters] or [False]) > 0.5
        found = []
        for label, cluster, crops in clusters:
            fixed = shortcuts.is_fixed_mark(crops, _other_pictures(run, label, picture))
            same = {
                "the same pixels at the same place": fixed,
                "near-identical crops": shortcuts.are_near_identical(crops),
            }
            more = {
                "at one position": not aligned and shortcuts.is_locked(crops),
                "at the border": shortcuts.touch_border(crops),
                "with edges like lettering": shortcuts.are_text_like(crops, usual),
            }
            if any(same.values()) and any(more.values()):
                signs = ", ".join(sign for sign, there in {**same, **more}.items() if there)
                found.append(
                    about(
                        label,
                        cluster,
                        SHORTCUT,
                        f"{SHORTCUT} ({signs}); look at its crops for a watermark, a tag or a frame "
                        "that gives the label away",
                    )
                )
        return found


def _crops(members: LabelClusters, picture: OpenPicture) -> Crops:
    """At most ``MOST_MEMBERS`` members, one an image, drawn."""
    one_each = {patch.image_id: patch for patch in members.patches}
    order = numpy_generator("diagnosis", members.label, *sorted(one_each)).permutation(len(one_each))[:MOST_MEMBERS]
    patches = [list(one_each.values())[place] for place in sorted(order)]
    return Crops([patch.box for patch in patches], [picture(patch.image_id) for patch in patches])


def _other_pictures(run: Run, label: str, picture: OpenPicture) -> list[ByteArray]:
    """Some pictures that do not carry a label."""
    others = sorted(image_id for image_id, record in run.records.items() if label not in record.labels)
    drawn = numpy_generator("diagnosis", "others", label).permutation(len(others))[:OTHER_PICTURES]
    return [picture(others[place]) for place in drawn]


def _usual_edges(run: Run, picture: OpenPicture) -> float:
    """Mean share of strong edges in the random control patches, or in any where there is none."""
    patches = sorted(
        patches_of(run.patches), key=lambda patch: (patch.selection != "random", patch.image_id, patch.box)
    )
    sample = patches[: 2 * OTHER_PICTURES]
    shares = [shortcuts.edge_share(picture(patch.image_id)[patch.box.slices()]) for patch in sample]
    return float(np.mean(shares)) if shares else 0.0
