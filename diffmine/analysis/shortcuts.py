"""Signs that a cluster shows an artefact instead of a pattern: a watermark, a tag, a frame.

One sign alone proves nothing: a hat sits at the top, faces are aligned. A cluster is a possible shortcut when its crops
are all but the same and there is a second sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diffmine.pictures.grey import grey
from diffmine.types import Box, ByteArray

IDENTICAL = 0.9
"""Median correlation of crops from which they are near-identical."""
FLAT = 2.0
"""Grey levels of standard deviation below which a crop shows nothing at all."""
STRONG_EDGE = 40.0
"""Grey levels a pixel from which an edge is strong, as those of lettering are."""
EDGE_SHARE = 0.08
EDGE_RATIO = 1.5
BORDER_SHARE = 0.8
LOCKED = 1 / 8
"""Standard deviation of a cluster's positions, in sides of a patch, below which they are one position."""


@dataclass(frozen=True, slots=True)
class Crops:
    """A cluster's members in their pictures.

    Attributes:
        boxes: one a member.
        pictures: uint8, (height, width, 3), the picture of each member.
    """

    boxes: Sequence[Box]
    pictures: Sequence[ByteArray]

    def crops(self) -> list[ByteArray]:
        """What each box shows."""
        return [picture[box.slices()] for box, picture in zip(self.boxes, self.pictures, strict=True)]


class Place(NamedTuple):
    """A place relative to a corner, so that it is the same in pictures of other sizes.

    Attributes:
        bottom, right: whether the offsets count from that side.
        y, x: offset of the patch's nearest edge, in pixels.
        spread: the larger standard deviation of the members' offsets, in sides of a patch.
    """

    bottom: bool
    right: bool
    y: int
    x: int
    spread: float


def common_place(members: Crops) -> Place:
    """The members' median place, counted from the corner from which it varies least."""
    size = _side(members)
    y, bottom, spread_y = _anchor([(box.y0, picture.shape[0] - box.y1) for box, picture in _pairs(members)])
    x, right, spread_x = _anchor([(box.x0, picture.shape[1] - box.x1) for box, picture in _pairs(members)])
    return Place(bottom, right, y, x, max(spread_y, spread_x) / size)


def is_locked(members: Crops) -> bool:
    """Whether all members lie at one position."""
    return common_place(members).spread <= LOCKED


def are_near_identical(members: Crops) -> bool:
    """Whether crops are all but copies of each other, or all blank; larger ones are shrunk to the smallest's size."""
    crops = np.stack([crop.ravel() for crop in _of_one_size([grey(crop) for crop in members.crops()])])
    centred = crops - crops.mean(axis=1, keepdims=True)
    blank = crops.std(axis=1) < FLAT
    unit = np.where(blank[:, None], 0, centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))
    correlation = unit @ unit.T + np.outer(blank, blank)
    pairs = correlation[np.triu_indices(len(crops), 1)]
    return bool(len(pairs) and np.median(pairs) >= IDENTICAL)


def _side(members: Crops) -> int:
    """Of the smallest patch."""
    return min(box.y1 - box.y0 for box in members.boxes)


def _of_one_size(crops: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    height, width = np.min([crop.shape for crop in crops], axis=0)
    return [crop if crop.shape == (height, width) else _shrunk(crop, int(height), int(width)) for crop in crops]


def _shrunk(crop: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Means over the pixels that each of the fewer pixels covers."""
    image = Image.fromarray(crop.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64)


def touch_border(members: Crops) -> bool:
    """Whether most members lie within an eighth of a patch of the picture's border."""
    near = [
        min(box.y0, box.x0, picture.shape[0] - box.y1, picture.shape[1] - box.x1) <= (box.y1 - box.y0) * LOCKED
        for box, picture in _pairs(members)
    ]
    return bool(np.mean(near) >= BORDER_SHARE)


def are_text_like(members: Crops, usual: float) -> bool:
    """Whether crops are as full of strong edges as lettering is.

    Args:
        members: the cluster.
        usual: mean :func:`edge_share` of random patches.
    """
    share = float(np.median([edge_share(crop) for crop in members.crops()]))
    return share >= max(EDGE_SHARE, EDGE_RATIO * usual)


def edge_share(crop: ByteArray) -> float:
    """Share of pixels with a strong edge, in [0, 1]."""
    slopes = np.gradient(grey(crop))
    return float((np.hypot(*slopes) > STRONG_EDGE).mean())


def _anchor(offsets: Sequence[tuple[int, int]]) -> tuple[int, bool, float]:
    """Median offset and its spread from the side from which it varies least."""
    columns = np.array(offsets, dtype=np.float64)
    spread = columns.std(axis=0)
    far = bool(
        spread[1] < spread[0] or (spread[1] == spread[0] and np.median(columns[:, 1]) < np.median(columns[:, 0]))
    )
    return int(np.median(columns[:, int(far)])), far, float(spread[int(far)])


def _pairs(members: Crops) -> list[tuple[Box, ByteArray]]:
    return list(zip(members.boxes, members.pictures, strict=True))
