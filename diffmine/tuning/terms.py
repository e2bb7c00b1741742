"""What the draws of one picture gave, and maps of some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from diffmine.tuning.sample import Sampled
from diffmine.types import FloatArray, IntArray, TypicalityMap

T_MIN, T_MAX = 0.02, 0.98
"""The range of timesteps that is measured; at its ends there is nothing left to predict, or nothing to see."""
PER_VALUE = 2
"""Draws behind a value: two with one timestep and opposite noise."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The values of one picture under its own label and under a wrong one.

    Attributes:
        sampled: the picture and its labels.
        fractions: places on the noise schedule, float32, (values,), rising.
        gain: what typicality is the mean of, float32, (2, values, h, w); the own label first. A value is the mean of
            two draws with opposite noise.
        influence: what influence is the mean of, likewise; None where the scorer has none.
        stride: image pixels to one cell.
    """

    sampled: Sampled
    fractions: FloatArray
    gain: FloatArray
    influence: FloatArray | None
    stride: int

    def within(self, t_min: float, t_max: float) -> IntArray:
        """The values whose timesteps lie in a range."""
        return np.flatnonzero((self.fractions >= t_min) & (self.fractions < t_max)).astype(np.int32)

    def maps(self, values: IntArray, smoothing: float) -> tuple[TypicalityMap, TypicalityMap]:
        """The maps that these values make, under the own label and under the wrong one."""
        gain = _blurred(self.gain[:, values].mean(1), smoothing)
        influence = None if self.influence is None else _blurred(self.influence[:, values].mean(1), smoothing)
        own, wrong = (
            TypicalityMap(
                self.sampled.record.image_id,
                label,
                gain[row],
                influence=None if influence is None else influence[row],
            )
            for row, label in enumerate(self.sampled.pair)
        )
        return own, wrong


def spread(values: IntArray, count: int) -> IntArray:
    """So many of the values, evenly spread over them; all where there are fewer."""
    if count >= len(values):
        return values
    chosen: IntArray = values[((np.arange(count) + 0.5) * len(values) / count).astype(int)]
    return chosen


def _blurred(maps: NDArray[np.float32], smoothing: float) -> FloatArray:
    blurred: FloatArray = gaussian_filter(maps, smoothing, mode="nearest", axes=(1, 2)) if smoothing else maps
    return blurred
