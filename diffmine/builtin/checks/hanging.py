"""Does a label hang on what a part of its pictures shows? What is left of its evidence once that is covered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.diffusion.label_evidence import has_model, label_evidence
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.upsampling import window_means
from diffmine.pictures.covering import cover, within
from diffmine.types import BoolArray, Box, ByteArray, ImageRecord, Picture

if TYPE_CHECKING:
    from diffmine.runs.run import Run

PICTURES = 12
"""In which the part is covered, at most."""
DRAWS = 8
ERRORS = 2.0
"""Standard errors by which the loss must exceed that of covering other places."""
MOST_BOXES = 6


@dataclass(frozen=True, slots=True)
class Hanging:
    """What covering a part did to a label's evidence.

    Attributes:
        pictures: in how many pictures it was covered.
        lost: share of the evidence that went, of the pictures' mean.
        elsewhere: the same where as much of other places was covered.
        sure: whether the difference of the two exceeds ``ERRORS`` standard errors.
    """

    pictures: int
    lost: float
    elsewhere: float
    sure: bool

    def on_it(self, least: float) -> bool:
        """Whether the label hangs on the part: at least this share of the evidence surely went with it."""
        return self.sure and self.lost >= least


def hanging(
    run: Run, label: str, parts: Sequence[tuple[ImageRecord, BoolArray]], picture: Callable[[str], ByteArray]
) -> Hanging | None:
    """Cover a part of a label's pictures, and as much of other places, and compare what it costs.

    Args:
        run: the run.
        label: one of its labels.
        parts: pictures that carry the label, and where the part is, bool, (height, width). Those that the model has
            not learned from come first, then as many others as make up ``PICTURES``.
        picture: opens one.
    Returns:
        None where the run has no diffusion model, or there is nothing to cover.
    """
    chosen = sorted(parts, key=lambda part: (part[0].in_sample, part[0].digest))[:PICTURES]
    if len(chosen) < 2 or not has_model(run):
        return None
    trials = []
    for record, mask in chosen:
        pixels = picture(record.image_id)
        versions = (pixels, cover(pixels, mask), cover(pixels, elsewhere(mask, record)))
        trials += [Picture(record, version) for version in versions]
    levels = np.concatenate(label_evidence(run, trials, [[label]] * len(trials), DRAWS)).reshape(-1, 3)
    return judged(levels)


def judged(levels: NDArray[np.float64]) -> Hanging:
    """The verdict on evidence, (pictures, 3): of the picture as it is, without the part, without other places."""
    whole, without, other = levels.T
    difference = other - without
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    mean = whole.mean()
    lost, spared = ((mean - one.mean()) / mean if mean > 0 else 0.0 for one in (without, other))
    return Hanging(len(levels), float(lost), float(spared), bool(difference.mean() > ERRORS * error))


def elsewhere(mask: BoolArray, record: ImageRecord) -> BoolArray:
    """Squares beside a part, drawn by the picture, together about as large as it, bool, (height, width)."""
    boxes: list[Box] = []
    generator = numpy_generator("elsewhere", record.digest)
    height, width = mask.shape
    side = max(1, min(round(float(np.sqrt(mask.sum()))), min(height, width) // 4))
    taken = mask.copy()
    while within(boxes, height, width).sum() < mask.sum() and len(boxes) < MOST_BOXES:
        free = np.argwhere(window_means(taken.astype(np.float64), side) < 1e-9)
        if not len(free):
            break
        y, x = (int(value) for value in free[generator.integers(len(free))])
        boxes.append(Box(y, x, y + side, x + side))
        taken[boxes[-1].slices()] = True
    return within(boxes, height, width)
