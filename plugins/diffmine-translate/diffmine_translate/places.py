"""Places that are typical of every label that a picture is translated to, and what becomes of them in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.upsampling import upsample, window_means, window_weights
from diffmine.numerics.windows import choose_windows
from diffmine.types import Box, FloatArray

Outcome = Literal["kept", "changed", "lost", "gained", "absent"]
"""What becomes of a place when the picture is translated:

- ``kept``: it showed the picture's own label, and shows it still;
- ``changed``: it showed the own label, and shows the target instead;
- ``lost``: it showed the own label, and shows neither;
- ``gained``: it did not show the own label, and shows the target;
- ``absent``: it did not, and does not.
"""
OUTCOMES: tuple[str, ...] = get_args(Outcome)


def co_typicality(after: FloatArray, stride: int, height: int, width: int, size: int) -> NDArray[np.float64]:
    """The co-typicality of every window: the median over labels of its mean typicality in the label's version.

    Siglidis et al. 2024, section on elements across labels.

    Args:
        after: the typicality of each version under its label, (labels, h, w).
        stride: image pixels to one cell.
        height: of the picture.
        width: of the picture.
        size: side of the window, pixels.
    Returns:
        float64, (height - size + 1, width - size + 1).
    """
    means = [window_means(upsample(one, stride, height, width), size) for one in after]
    found: NDArray[np.float64] = np.median(means, axis=0)
    return found


def places(after: FloatArray, stride: int, height: int, width: int, size: int, count: int) -> list[tuple[Box, float]]:
    """The windows of highest co-typicality that do not overlap, at most ``count``, with it; the best first.

    Arguments as for :func:`co_typicality`; none where the window does not fit.
    """
    stack = co_typicality(after, stride, height, width, size)
    return [(box, value) for _, box, value in choose_windows([stack], [size], count)]


def at_box(maps: FloatArray, box: Box, stride: int, height: int, width: int) -> NDArray[np.float64]:
    """The mean over a box of each of several maps, (maps, h, w), upsampled to the picture: float64, (maps,)."""
    weights = window_weights(box, maps.shape[1:], stride, height, width)
    found: NDArray[np.float64] = np.einsum("hw,mhw->m", weights, maps.astype(np.float64))
    return found


def thresholds(before: NDArray[np.float64], wrong: NDArray[np.bool_], level: float) -> NDArray[np.float64]:
    """The typicality above which a place shows a label: a share ``level`` of places is above it by chance.

    Chance is told by the same places in the pictures as they are, under labels that these do not carry.

    Args:
        before: the typicality of each place under each label before translation, (places, labels).
        wrong: where the label is not the picture's own, (places, labels).
        level: such as 0.05.
    Returns:
        float64, (labels,); infinite for a label that all pictures carry.
    """
    found = np.full(before.shape[1], np.inf)
    for label in range(before.shape[1]):
        values = before[wrong[:, label], label]
        if len(values):
            found[label] = np.quantile(values, 1 - level, method="higher")
    return found


def outcomes(showed_own: NDArray[np.bool_], shows_own: NDArray[np.bool_], shows_target: NDArray[np.bool_]) -> list[str]:
    """What became of each place, see :data:`Outcome`; each argument (places,)."""
    kept, changed = showed_own & shows_own, showed_own & ~shows_own & shows_target
    lost, gained = showed_own & ~shows_own & ~shows_target, ~showed_own & shows_target
    chosen: Sequence[str] = np.select([kept, changed, lost, gained], OUTCOMES[:4], OUTCOMES[4]).tolist()
    return list(chosen)
