"""Labels that hang on a watermark, a tag or a frame, as far as pixels, places and the model can tell.

That pixels are the same at the same place is an observation. It is a warning where the label hangs on them: once they
are covered, much of what speaks for the label is gone, which covering as much of other places does not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from diffmine.analysis import shortcuts
from diffmine.analysis.marks import Mark, find_mark
from diffmine.analysis.shortcuts import Crops, Place
from diffmine.builtin.checks.best_clusters import about, best_clusters
from diffmine.builtin.checks.hanging import Hanging, hanging
from diffmine.builtin.checks.sampling import MOST_PICTURES, some_records
from diffmine.interfaces import Check
from diffmine.numerics.seeding import numpy_generator
from diffmine.pictures.covering import within
from diffmine.runs.contents import LabelClusters
from diffmine.runs.tables import patches_of
from diffmine.types import BoolArray, ByteArray, Finding, ImageRecord

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_MEMBERS = 40
SHORTCUT = "hangs on one place"
SAME_PIXELS = "same pixels"
MARKED_SHARE = 0.04
"""Share of a patch that is mark, from which on the patch shows it."""
LEAST_MARK = 0.05
"""Pixels of a mark, as a share of a patch."""
ALIGNED = 0.25
"""Share of the best clusters whose members lie at one position, from which on pictures are taken to be aligned."""
LOST = 0.3
"""Share of the evidence that goes with a mark, from which on it is warned of; real elements took up to 0.25."""
HAVING = 0.5
"""Share of a mark's pixels that a picture with the mark has."""
OpenPicture = Callable[[str], ByteArray]
Parts = Sequence[tuple[ImageRecord, BoolArray]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A cluster that shows the same pixels again and again.

    Attributes:
        label, cluster: which one.
        signs: what is suspicious, in words.
        parts: pictures of the label, and where what is shown lies in each.
    """

    label: str
    cluster: int
    signs: tuple[str, ...]
    parts: Parts


class PossibleShortcuts(Check):
    """Labels that hang on a watermark, a tag or a frame, as far as pixels, places and the model can tell.

    Where the run has a diffusion model, each suspicious part of a label's pictures takes 576 forwards; none is taken
    where nothing is suspicious.
    """

    name = "possible_shortcuts"
    version = 4

    def check(self, run: Run) -> Sequence[Finding]:
        picture = lru_cache(maxsize=512)(run.picture)
        suspects = list(_suspects(run, picture))
        # Clusters that show one mark share their parts: what was found of one holds for all.
        parts = {id(suspect.parts): suspect for suspect in suspects}
        found = {key: hanging(run, one.label, one.parts, picture) for key, one in parts.items()}
        return [_finding(suspect, found[id(suspect.parts)]) for suspect in suspects]


def _finding(suspect: Suspect, found: Hanging | None) -> Finding:
    """A warning where the label hangs on what the cluster shows, else a note."""
    signs = ", ".join(suspect.signs)
    if found is not None and found.on_it(LOST):
        text = (
            f"possible shortcut ({signs}): the label hangs on it; covered in {found.pictures} pictures, "
            f"{found.lost:.0%} of what speaks for the label is gone (as much of other places: "
            f"{_share(found.elsewhere)}); look at its crops for a watermark, a tag or a frame"
        )
        return about(suspect.label, suspect.cluster, SHORTCUT, text)
    return about(suspect.label, suspect.cluster, SAME_PIXELS, f"{signs}; {_harmless(found)}", "note")


def _harmless(found: Hanging | None) -> str:
    if found is None:
        return "whether the label hangs on it is not known, as nothing was covered"
    return (
        f"the label does not hang on it: covered in {found.pictures} pictures, {_share(found.lost)} of what speaks for "
        f"the label is gone (as much of other places: {_share(found.elsewhere)})"
    )


def _share(value: float) -> str:
    """In percent; a gain is no loss."""
    return f"{max(0.0, value):.0%}"


def _suspects(run: Run, picture: OpenPicture) -> Iterator[Suspect]:
    clusters = [(label, cluster, _crops(members, picture), members) for label, cluster, members in best_clusters(run)]
    # Where many clusters are locked, the pictures are aligned, and to be locked says nothing.
    aligned = np.mean([shortcuts.is_locked(crops) for _, _, crops, _ in clusters] or [False]) > ALIGNED
    usual = _usual_edges(run, picture) if clusters else 0.0
    marks = _Marks(run, picture)
    for label, cluster, crops, members in clusters:
        mark, parts = marks.at(label, shortcuts.common_place(crops))
        marked = _shows(mark, crops)
        identical = shortcuts.are_near_identical(crops)
        more = {
            "at one position": not aligned and shortcuts.is_locked(crops),
            "at the border": shortcuts.touch_border(crops) or (marked and mark.at_border()),
            "with edges like lettering": not marked and shortcuts.are_text_like(crops, usual),
        }
        # One sign alone proves nothing: a hat sits at the top, and the sky is blank.
        if (marked or identical) and any(more.values()):
            same = {"the same pixels at the same place": marked, "near-identical crops": identical}
            signs = tuple(sign for sign, there in {**same, **more}.items() if there)
            yield Suspect(label, cluster, signs, parts if marked else _boxes(run, members))


class _Marks:
    """What the pictures of each label share, each looked for once."""

    def __init__(self, run: Run, picture: OpenPicture) -> None:
        self._run, self._picture = run, picture
        self._one_size = run.all_records.of_one_size
        self._found: dict[tuple[str, bool, bool], tuple[Mark, Parts]] = {}

    def at(self, label: str, place: Place) -> tuple[Mark, Parts]:
        """What the label's pictures share, and where it lies in those that have it."""
        # Where all pictures are of one size they lie on each other alike from every corner.
        corner = (False, False) if self._one_size else (place.bottom, place.right)
        if (label, *corner) not in self._found:
            mark = self._look_for(label, *corner)
            self._found[label, *corner] = mark, list(self._having(label, mark))
        return self._found[label, *corner]

    def _look_for(self, label: str, bottom: bool, right: bool) -> Mark:
        pixels = [
            [self._picture(record.image_id) for record in some_records(self._run, label, carrying=carrying)]
            for carrying in (True, False)
        ]
        return find_mark(*pixels, bottom=bottom, right=right)

    def _having(self, label: str, mark: Mark) -> Iterator[tuple[ImageRecord, BoolArray]]:
        for record in some_records(self._run, label, carrying=True):
            pixels = self._picture(record.image_id)
            if mark.share_in(pixels) >= HAVING:
                yield record, mark.to_cover(pixels)


def _shows(mark: Mark, crops: Crops) -> bool:
    if mark.mask.sum() < LEAST_MARK * min(box.area for box in crops.boxes):
        return False
    shares = [mark.share_of(box, pixels) for box, pixels in zip(crops.boxes, crops.pictures, strict=True)]
    return float(np.median(shares)) >= MARKED_SHARE


def _boxes(run: Run, members: LabelClusters) -> Parts:
    """Each picture of a cluster with the patch that shows it."""
    patches = {patch.image_id: patch for patch in members.patches}.values()
    records = [run.records[patch.image_id] for patch in patches]
    return [
        (record, within([patch.box], record.height, record.width))
        for record, patch in zip(records, patches, strict=True)
    ]


def _crops(members: LabelClusters, picture: OpenPicture) -> Crops:
    """At most ``MOST_MEMBERS`` members, one an image, drawn."""
    one_each = {patch.image_id: patch for patch in members.patches}
    order = numpy_generator("diagnosis", members.label, *sorted(one_each)).permutation(len(one_each))[:MOST_MEMBERS]
    patches = [list(one_each.values())[place] for place in sorted(order)]
    return Crops([patch.box for patch in patches], [picture(patch.image_id) for patch in patches])


def _usual_edges(run: Run, picture: OpenPicture) -> float:
    """Mean share of strong edges in the random control patches, or in any where there is none."""
    patches = sorted(
        patches_of(run.patches), key=lambda patch: (patch.selection != "random", patch.image_id, patch.box)
    )
    sample = patches[: 2 * MOST_PICTURES]
    shares = [shortcuts.edge_share(picture(patch.image_id)[patch.box.slices()]) for patch in sample]
    return float(np.mean(shares)) if shares else 0.0
