"""What people call colours: twelve basic terms, from a survey of English speakers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from diffmine.types import ByteArray

TERMS = ("black", "grey", "white", "red", "pink", "orange", "brown", "beige", "yellow", "green", "blue", "purple")
"""The basic colour terms of English (Berlin & Kay 1969) and beige."""
SYNONYMS = {"gray": "grey", "tan": "beige", "cream": "beige", "violet": "purple", "navy": "blue", "teal": "green"}


@cache
def _named_colours() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Terms and their colours in CIELAB, (colours, 3): those of the xkcd survey (Munroe 2010) that end in a term.

    "dark sky blue" is a blue. Matplotlib ships the survey's 949 names.
    """
    from matplotlib.colors import XKCD_COLORS, to_rgb
    from skimage.color import rgb2lab

    last = {name: name.removeprefix("xkcd:").split()[-1] for name in XKCD_COLORS}
    terms = {name: SYNONYMS.get(word, word) for name, word in last.items()}
    kept = [name for name, term in terms.items() if term in TERMS]
    colours = np.array([to_rgb(XKCD_COLORS[name]) for name in kept])
    return tuple(terms[name] for name in kept), rgb2lab(colours)


def term_shares(pixels: ByteArray) -> dict[str, float]:
    """How much of the pixels each term names; a pixel has the term of the nearest named colour in CIELAB.

    Args:
        pixels: uint8, (..., 3), sRGB.
    Returns:
        term -> share in (0, 1], those that occur, the largest first.
    """
    from scipy.spatial import KDTree
    from skimage.color import rgb2lab

    terms, colours = _named_colours()
    distinct, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    _, nearest = KDTree(colours).query(rgb2lab(distinct / 255.0))
    totals: dict[str, int] = {}
    for place, count in zip(nearest.tolist(), counts.tolist(), strict=True):
        totals[terms[place]] = totals.get(terms[place], 0) + count
    everything = int(counts.sum())
    return {term: count / everything for term, count in sorted(totals.items(), key=lambda one: (-one[1], one[0]))}
