"""The most typical patches."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from diffmine.builtin.selectors.greedy import Field2D, GreedyConfig, GreedySelector
from diffmine.builtin.selectors.least import Least
from diffmine.builtin.selectors.random import Random
from diffmine.interfaces import PatchSelector

CONTROLS: dict[str, type[GreedySelector]] = {Least.name: Least, Random.name: Random}


class Top(GreedySelector):
    """The most typical patches, with the least typical and random ones as controls."""

    name = "top"

    class Config(GreedyConfig):
        """Options of ``top``."""

        controls: tuple[Literal["least", "random"], ...] = Field(
            ("least", "random"), description="selections to make beside this one, with the same sizes and filters"
        )

    config: Config

    def merit(self, means: Field2D, size: int, rng: np.random.Generator) -> Field2D:
        """Mean typicality; where several sizes compete, times the side.

        Of two windows on one element the mean prefers the smaller, always. The sum over a window divided by the square
        root of its area (its signal-to-noise ratio under white noise) has its maximum at the element's own size.
        """
        return means * size if len(self.config.sizes) > 1 else means.copy()

    def controls(self) -> tuple[PatchSelector, ...]:
        shared = self.config.model_dump(exclude={"controls"})
        return tuple(CONTROLS[name](GreedyConfig(**shared)) for name in self.config.controls)
