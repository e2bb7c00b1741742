"""The most typical patches."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from diffmine.builtin.selectors.greedy import Field2D, GreedyConfig, GreedySelector
from diffmine.builtin.selectors.least import Least
from diffmine.builtin.selectors.random import Random
from diffmine.errors import DataError
from diffmine.interfaces import PatchSelector
from diffmine.types import FloatArray, TypicalityMap

CONTROLS: dict[str, type[GreedySelector]] = {Least.name: Least, Random.name: Random}


class Top(GreedySelector):
    """The most typical patches, with the least typical and random ones as controls."""

    name = "top"

    class Config(GreedyConfig):
        """Options of ``top``."""

        place: Literal["typicality", "mix"] = Field(
            "typicality",
            description="what decides where patches lie: typicality (the paper), or a mix that leans on influence, "
            "influence + agreement_weight x (typicality - influence); a patch's value is its typicality in any case",
        )
        agreement_weight: float = Field(
            0.1, ge=0, le=1, description="of the mix; 1 is typicality, 0 influence alone, which does not know the sign"
        )
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

    def placing(self, typicality: TypicalityMap) -> FloatArray:
        """Typicality, or the mix.

        Raises:
            DataError: the mix is asked for, and the map has no influence.
        """
        if self.config.place == "typicality":
            return typicality.mean
        if typicality.influence is None:
            raise DataError(
                'patches.place = "mix" needs maps of influence, and those of this scorer have none; '
                'set patches.place = "typicality"'
            )
        agreement = typicality.mean - typicality.influence
        return typicality.influence + np.float32(self.config.agreement_weight) * agreement

    def controls(self) -> tuple[PatchSelector, ...]:
        shared = self.config.model_dump(include=set(GreedyConfig.model_fields))
        return tuple(CONTROLS[name](GreedyConfig(**shared)) for name in self.config.controls)
