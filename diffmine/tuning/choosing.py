"""From what was measured to one choice of settings.

Everything is chosen by the *effect* (:attr:`diffmine.tuning.separation.Separation.effect`): how far typicality under a
picture's own label lies above that under a wrong one, in standard deviations. Unlike the share of pictures told apart
it does not saturate. Settings whose effect is within one standard error of the best are as good as it (Breiman et al.
1984, *Classification and Regression Trees*, section 3.4.3, the one-standard-error rule); of these the most careful
is taken: the widest range of timesteps, the least blur, the smallest patch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from diffmine.interfaces import PatchSelector, Progress
from diffmine.tuning.grid import BANDS, RANGES, SMOOTHINGS, equal_draws, sizes
from diffmine.tuning.separation import Pixels, Separation, Setting, separation
from diffmine.tuning.stability import Stability, enough, stability
from diffmine.tuning.terms import T_MAX, T_MIN, Terms

K = TypeVar("K")
ROUNDS = 2
"""How often blur, patch size and timesteps are chosen in turn, each with the others as they were chosen last."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and on what.

    Attributes:
        setting: the choice.
        recipe: what the recipe says, at the draws that everything is compared with.
        before: separation under ``recipe``.
        after: separation under ``setting`` at the same draws.
        bands: separation by narrow bands of timesteps, with as many draws as these hold.
        ranges: separation by range of timesteps, the rest as chosen.
        smoothings: by blur, of the single best cell.
        sizes: by patch size.
        stability: by number of draws.
        compared: draws at which ranges, blurs and sizes are compared.
        pictures: of the sample.
    """

    setting: Setting
    recipe: Setting
    before: Separation
    after: Separation
    bands: Mapping[tuple[float, float], Separation]
    ranges: Mapping[tuple[float, float], Separation]
    smoothings: Mapping[float, Separation]
    sizes: Mapping[int, Separation]
    stability: Mapping[int, Stability]
    compared: int
    pictures: int


def choose(
    terms: Sequence[Terms], recipe: Setting, selector: PatchSelector, pixels: Pixels, seed: int, progress: Progress
) -> Choice:
    """Choose blur, patch size and timesteps in turn, then the number of draws.

    Args:
        recipe: what the recipe says now.
        selector: the recipe's; it says what places a patch.
        pixels: opens a picture, for selectors that look at it.
        progress: told of the settings that were tried.
    """
    compared, tried = equal_draws(terms), sizes(terms, recipe.size)
    progress.start(ROUNDS * (len(RANGES) + len(tried) + len(SMOOTHINGS)) + len(BANDS) + 2, "settings")

    def measured(setting: Setting) -> Separation:
        progress.advance()
        return separation(terms, setting, selector, pixels, seed)

    before = replace(recipe, draws=compared)
    now = replace(before, t_min=T_MIN, t_max=T_MAX)
    for _ in range(ROUNDS):
        cell = replace(now, size=terms[0].stride)
        smoothings = {blur: measured(replace(cell, smoothing=blur)) for blur in SMOOTHINGS}
        now = replace(now, smoothing=careful(smoothings, lambda blur: blur))
        by_size = {size: measured(replace(now, size=size)) for size in tried}
        now = replace(now, size=careful(by_size, lambda size: size))
        ranges = {(low, high): measured(replace(now, t_min=low, t_max=high)) for low, high in RANGES}
        low, high = careful(ranges, lambda bounds: bounds[0] - bounds[1])
        now = replace(now, t_min=low, t_max=high)
    bands = {bounds: measured(replace(now, t_min=bounds[0], t_max=bounds[1])) for bounds in BANDS}
    steady = stability(terms, now, selector, pixels, seed)
    return Choice(
        setting=replace(now, draws=enough(steady)),
        recipe=before,
        before=measured(before),
        after=measured(now),
        bands=bands,
        ranges=ranges,
        smoothings=smoothings,
        sizes=by_size,
        stability=steady,
        compared=compared,
        pictures=len(terms),
    )


def careful(found: Mapping[K, Separation], cost: Callable[[K], float]) -> K:
    """Of the choices whose effect is within a standard error of the best, the one that costs least."""
    best = max(found.values(), key=lambda one: one.effect)
    as_good = [choice for choice, one in found.items() if is_as_good(one, best)]
    return min(as_good, key=lambda choice: (round(cost(choice), 9), -found[choice].effect))


def is_as_good(one: Separation, best: Separation) -> bool:
    """Whether an effect is less than a standard error of their difference behind the best."""
    behind = best.effect - one.effect
    return bool(behind <= np.std(best.effects - one.effects))
