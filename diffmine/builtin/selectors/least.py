"""The least typical patches."""

from __future__ import annotations

import numpy as np

from diffmine.builtin.selectors.greedy import Field2D, GreedyConfig, GreedySelector


class Least(GreedySelector):
    """The least typical patches."""

    name = "least"
    Config = GreedyConfig

    def merit(self, means: Field2D, size: int, rng: np.random.Generator) -> Field2D:
        return -means
