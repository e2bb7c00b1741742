"""Colour casts: a label's pictures told from others by their colours alone, whichever part of them is looked at.

An element colours one part of a picture, a lamp or a filter all of it. So a label has a cast where each quarter of its
pictures tells it, on pictures that nothing was learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.types import ByteArray

DARKEST = 8.0
"""Grey levels added to the channels before ratios are taken, so that those of black mean nothing."""
PERCENTILES = (5, 25, 50, 75, 95)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Cast:
    """How well colours alone tell a label.

    Attributes:
        auc: how often a picture of the label looks more like it than another picture, in [0, 1], by the quarter of the
            pictures that tells least; 0.5 is chance.
        scores: float64, (pictures,): how much each of the label's pictures has of its colours, the mean over quarters.
    """

    auc: float
    scores: NDArray[np.float64]


def colour_cast(colours: NDArray[np.float64], others: NDArray[np.float64]) -> Cast:
    """Look for a cast: logistic regression on the colours of each quarter, judged on pictures left out of it.

    Args:
        colours: of the label's pictures, :func:`quarter_colours` of each, (pictures, 4, features); at least ``FOLDS``.
        others: of pictures of other labels, likewise.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    carries = np.repeat([1, 0], [len(colours), len(others)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", C=0.1, max_iter=1000))
    both = np.concatenate([colours, others])
    scores = np.stack(
        [
            cross_val_predict(model, both[:, quarter], carries, cv=folds, method="decision_function")
            for quarter in range(4)
        ]
    )
    auc = min(float(roc_auc_score(carries, row)) for row in scores)
    return Cast(auc, scores.mean(axis=0)[: len(colours)])


def balance(pictures: Sequence[ByteArray], others: Sequence[ByteArray]) -> NDArray[np.float64]:
    """What to multiply red, green and blue of some pictures by, (3,), so that they are coloured as others are."""
    mean, usual = (np.mean([_log_ratios(one).mean(axis=0) for one in some], axis=0) for some in (pictures, others))
    factors = np.exp([usual[0] - mean[0], 0.0, usual[1] - mean[1]])
    balanced: NDArray[np.float64] = factors / factors.mean()
    return balanced


def tinted(picture: ByteArray, factors: NDArray[np.float64]) -> ByteArray:
    """A picture with its channels multiplied, uint8, (height, width, 3)."""
    product: ByteArray = np.clip(np.rint(picture * factors), 0, 255).astype(np.uint8)
    return product


def quarter_colours(picture: ByteArray) -> NDArray[np.float64]:
    """What the colours of each quarter of a picture are like, float64, (4, features).

    Percentiles of the channels, and of the logarithms of red to green and of blue to green, which light multiplies.

    Args:
        picture: uint8, (height, width, 3); at least two pixels on each side.
    """
    y, x = picture.shape[0] // 2, picture.shape[1] // 2
    return np.stack([_described(part) for half in (picture[:y], picture[y:]) for part in (half[:, :x], half[:, x:])])


def _described(part: ByteArray) -> NDArray[np.float64]:
    levels = np.percentile(part.reshape(-1, 3), PERCENTILES[::2], axis=0)
    ratios = _log_ratios(part)
    return np.concatenate([levels.ravel(), np.percentile(ratios, PERCENTILES, axis=0).ravel(), ratios.mean(axis=0)])


def _log_ratios(pixels: ByteArray) -> NDArray[np.float64]:
    """Logarithms of red to green and blue to green, (pixels, 2)."""
    channels = np.log(pixels.reshape(-1, 3) + DARKEST)
    ratios: NDArray[np.float64] = channels[:, [0, 2]] - channels[:, [1]]
    return ratios
