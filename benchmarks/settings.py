"""How the quickstart's timesteps, blur and leaning were chosen: every combination, from one set of draws a picture.

    python benchmarks/estimators.py collect runs/seed1 seed1.npz --limit 100
    python benchmarks/settings.py seed1.npz seed2.npz seed3.npz --draws 32

Reads the terms that ``estimators.py collect`` has written of runs whose elements are known, and prints for each setting
the pixel average precision, PxAP, pointing accuracy and patch precision of pictures with the element, and how well the
typicality of the best patch tells them from those without it, and own labels from wrong ones (areas under ROC curves).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import estimators
import numpy as np
from estimators import Case, Found, Maps, Set, auc, lean, measure, read, spread, within

from diffmine.analysis.score_maps import normalized
from diffmine.builtin.metrics.pxap import THRESHOLDS, average_precision
from diffmine.numerics.upsampling import upsample

RANGES = ((0.2, 0.8), (0.1, 0.9), (0.05, 0.95), (0.3, 0.95))
BLURS = (0.6, 1.0, 1.4, 1.8, 2.2)
LEANINGS = (0.1, 0.2)


@dataclass(frozen=True)
class Scored:
    """One picture under one setting: what patches find, and its pixels by threshold, (2, thresholds)."""

    found: Found
    pixels: np.ndarray | None


def scored(one: Set, case: Case, both: Sequence[Maps], weight: float) -> Scored:
    """One picture under one setting."""
    found = measure(one, case, both, lean(weight))
    if found.precision is None:
        return Scored(found, None)
    image = upsample(lean(weight)(both[0]).astype(np.float32), one.stride, *case.mask.shape)
    reached = np.searchsorted(THRESHOLDS, normalized(image), side="right") - 1
    counts = [np.bincount(reached[part], minlength=len(THRESHOLDS)) for part in (case.mask, ~case.mask)]
    return Scored(found, np.array(counts))


def figures(sets: Sequence[Set], draws: int, low: float, high: float, weight: float) -> Iterator[float]:
    """The six figures of a setting."""
    every = [
        scored(one, case, case.at(spread(within(case, low, high), draws)), weight) for one in sets for case in one.cases
    ]
    showing = [one for one in every if one.pixels is not None]
    absent = [one.found.own for one in every if one.pixels is None]
    for values in zip(*[(one.found.precision, one.found.pointing, one.found.shown) for one in showing], strict=True):
        yield float(np.mean(values))
    yield float(average_precision(*np.sum([one.pixels for one in showing], axis=0)))
    yield auc([one.found.own for one in showing], absent)
    yield auc([one.found.own for one in every], [one.found.wrong for one in every])


def main() -> None:
    """Print a row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("terms", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=32)
    asked = parser.parse_args()
    sets = [read(path) for path in asked.terms]
    print("| timesteps | blur, cells | λ | pixel AP | pointing | patch precision | PxAP | presence AUC | label AUC |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (low, high), blur, weight in product(RANGES, BLURS, LEANINGS):
        estimators.BLUR = blur
        told = " | ".join(f"{value:.3f}" for value in figures(sets, asked.draws, low, high, weight))
        print(f"| {low:g}–{high:g} | {blur:g} | {weight:g} | {told} |", flush=True)


if __name__ == "__main__":
    main()
