"""Random patches."""

from __future__ import annotations

import numpy as np

from diffmine.builtin.selectors.greedy import Field2D, GreedyConfig, GreedySelector


class Random(GreedySelector):
    """Random patches, the control."""

    name = "random"
    Config = GreedyConfig

    def merit(self, means: Field2D, size: int, rng: np.random.Generator) -> Field2D:
        """White noise: the greedy choice is then a uniform draw of windows that do not overlap."""
        return rng.random(means.shape)
