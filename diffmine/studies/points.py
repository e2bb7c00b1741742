"""One run of a study: which variant, where on the grid, with which seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffmine.numerics.seeding import derive_seed
from diffmine.recipes.reading import Recipe

LONGEST = 100


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a study.

    Attributes:
        variant: name of the variant.
        settings: dotted key -> its value at this point of the grid.
        recipe: what to run.
    """

    variant: str
    settings: Mapping[str, Any]
    recipe: Recipe

    @property
    def name(self) -> str:
        """Of the run and of its folder."""
        return self.recipe.header.name

    @property
    def seed(self) -> int:
        return self.recipe.header.seed


def point_name(study: str, variant: str, settings: Mapping[str, Any], seed: int | None) -> str:
    """A name for a run that is also a safe folder name: ``patch-size.base.size-16.seed-1``."""
    parts = [study, variant, *(f"{short(key)}-{text_of(value)}" for key, value in settings.items())]
    if seed is not None:
        parts.append(f"seed-{seed}")
    name = re.sub(r"[^\w.-]+", "_", ".".join(parts))
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{derive_seed(name) % 16**8:08x}"


def short(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def text_of(value: Any) -> str:
    """A grid value for people."""
    if isinstance(value, (list, tuple)):
        return " ".join(text_of(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key} {text_of(one)}" for key, one in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
