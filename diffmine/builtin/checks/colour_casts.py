"""Labels that hang on the colours of the whole picture, such as those of a lamp, a filter or a scanner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from diffmine.analysis.casts import FOLDS, balance, colour_cast, quarter_colours, tinted
from diffmine.builtin.checks.best_clusters import about
from diffmine.builtin.checks.hanging import DRAWS, PICTURES, Hanging, judged
from diffmine.builtin.checks.sampling import some_records
from diffmine.diffusion.label_evidence import has_model, label_evidence
from diffmine.interfaces import Check
from diffmine.runs.contents import label_clusters
from diffmine.types import ByteArray, Finding, ImageRecord, Picture

if TYPE_CHECKING:
    from diffmine.runs.run import Run

TELLING = 0.75
"""How well each quarter's colours tell a label, at least, where it has a cast."""
LOST = 0.1
"""Share of the evidence that goes with the colours, from which on they are warned of."""
OpenPicture = Callable[[str], ByteArray]


class ColourCasts(Check):
    """Labels that hang on the colours of the whole picture, such as those of a lamp, a filter or a scanner.

    Where each quarter of a label's pictures tells the label by its colours, that is noted at its best cluster. It is a
    warning where the label hangs on them: giving its pictures the colours of others takes much of what speaks for the
    label, and colouring them as much the other way does not. That takes a diffusion model and 576 forwards for each
    label with a cast.
    """

    name = "colour_casts"

    def check(self, run: Run) -> Sequence[Finding]:
        picture = lru_cache(maxsize=512)(run.picture)
        colours = lru_cache(maxsize=None)(lambda image_id: quarter_colours(picture(image_id)))
        found = []
        for label in (clusters.label for clusters in label_clusters(run)):
            mine = some_records(run, label, carrying=True)
            others = some_records(run, label, carrying=False, most=2 * len(mine))
            if min(len(mine), len(others)) < 2 * FOLDS:
                continue
            cast = colour_cast(*(np.stack([colours(one.image_id) for one in some]) for some in (mine, others)))
            if cast.auc < TELLING:
                continue
            most = [mine[place] for place in np.argsort(-cast.scores, kind="stable")[: len(mine) // 2]]
            found.append(_finding(label, cast.auc, _hanging(run, label, most, others, picture)))
        return found


def _hanging(
    run: Run, label: str, most: Sequence[ImageRecord], others: Sequence[ImageRecord], picture: OpenPicture
) -> Hanging | None:
    """What giving the pictures with most of the cast the colours of others does; None without a model."""
    if not has_model(run):
        return None
    factors = balance(*([picture(one.image_id) for one in some] for some in (most, others)))
    trials = []
    for record in sorted(most, key=lambda one: (one.in_sample, one.digest))[:PICTURES]:
        pixels = picture(record.image_id)
        versions = (pixels, tinted(pixels, factors), tinted(pixels, 1 / factors))
        trials += [Picture(record, version) for version in versions]
    levels = np.concatenate(label_evidence(run, trials, [[label]] * len(trials), DRAWS)).reshape(-1, 3)
    return judged(levels)


def _finding(label: str, auc: float, hangs: Hanging | None) -> Finding:
    told = f"the colours of any quarter of a picture tell the label {label!r} (AUC {auc:.2f} or more)"
    if hangs is not None and hangs.on_it(LOST):
        return Finding(
            f"possible shortcut: {told}, and it hangs on them: with the colours of other labels' pictures, "
            f"{hangs.lost:.0%} of what speaks for it is gone; look for a lamp, a filter or a scanner that gives it away"
        )
    known = "nothing was recoloured" if hangs is None else "but what speaks for it stays with other colours"
    return about(label, 0, "colour cast", f"{told}; {known}", "note")
