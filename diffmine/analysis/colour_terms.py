"""What people call colours: twelve basic terms, from a survey of English speakers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from diffmine.types import ByteArray, IntArray

TERMS = ("black", "grey", "white", "red", "pink", "orange", "brown", "beige", "yellow", "green", "blue", "purple")
"""The basic colour terms of English (Berlin & Kay 1969) and beige."""
SYNONYMS = {"gray": "grey", "tan": "beige", "cream": "beige", "violet": "purple", "navy": "blue", "teal": "green"}
OVERRULED = {"dark tan": "brown"}
"""Names whose last word misleads."""


@cache
def _named_colours() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Terms and their colours in CIELAB, (colours, 3): those of the xkcd survey (Munroe 2010) that end in a term.

    "dark sky blue" is a blue. Matplotlib ships the survey's 949 names.
    """
    from matplotlib.colors import XKCD_COLORS, to_rgb
    from skimage.color import rgb2lab

    last = {name: name.removeprefix("xkcd:").split()[-1] for name in XKCD_COLORS}
    terms = {name: OVERRULED.get(name.removeprefix("xkcd:"), SYNONYMS.get(word, word)) for name, word in last.items()}
    kept = [name for name, term in terms.items() if term in TERMS]
    colours = np.array([to_rgb(XKCD_COLORS[name]) for name in kept])
    return tuple(terms[name] for name in kept), rgb2lab(colours)


def colour_indices(pixels: ByteArray) -> IntArray:
    """The nearest named colour of each pixel in CIELAB; finer than terms, :func:`terms_of_colours` names them.

    Args:
        pixels: uint8, (..., 3), sRGB.
    Returns:
        int32, (...): places among the named colours.
    """
    from scipy.spatial import KDTree
    from skimage.color import rgb2lab

    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    distinct, places = np.unique(packed, return_inverse=True)
    levels = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], axis=-1)
    _, nearest = KDTree(_named_colours()[1]).query(rgb2lab(levels / 255.0))
    indices: IntArray = nearest.astype(np.int32)[places].reshape(packed.shape)
    return indices


@cache
def terms_of_colours() -> IntArray:
    """The term of each named colour, int32, (colours,): places in :data:`TERMS`."""
    return np.array([TERMS.index(term) for term in _named_colours()[0]], dtype=np.int32)


def term_shares(pixels: ByteArray) -> dict[str, float]:
    """How much of the pixels each term names.

    Args:
        pixels: uint8, (..., 3), sRGB.
    Returns:
        term -> share in (0, 1], those that occur, the largest first.
    """
    terms = terms_of_colours()[colour_indices(pixels)]
    shares = np.bincount(terms.ravel(), minlength=len(TERMS)) / terms.size
    found = {term: float(share) for term, share in zip(TERMS, shares, strict=True) if share}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
