"""From what was measured to one choice of settings.

The patch is as large as what labels hang on (:mod:`diffmine.tuning.sizing`), and the blur a fixed part of it. Ranges of
timesteps are judged by the *effect* (:attr:`diffmine.tuning.separation.Separation.effect`): how far typicality under a
picture's own label lies above that under a wrong one, in standard deviations. A few dozen pictures tell ranges apart
poorly, so the widest range is taken of those that are not clearly worse than the best: a choice is narrowed only where
the evidence is plain. (Breiman et al. 1984, *Classification and Regression Trees*, section 3.4.3, choose so among
trees, by one standard error.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from diffmine.interfaces import PatchSelector, Progress
from diffmine.tuning.grid import BANDS, RANGES, equal_draws, sizes
from diffmine.tuning.separation import Pixels, Separation, Setting, separation
from diffmine.tuning.sizing import Fit, fit
from diffmine.tuning.stability import Stability, enough, stability
from diffmine.tuning.terms import T_MAX, T_MIN, Terms

K = TypeVar("K")
ERRORS = 2
"""Standard errors by which an effect must be behind the best to be clearly worse."""
BLUR = 0.2
"""Standard deviation of the blur, as a part of the patch's side."""


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
        fit: how well patches of each size fit.
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
    fit: Fit
    stability: Mapping[int, Stability]
    compared: int
    pictures: int


def choose(
    terms: Sequence[Terms], recipe: Setting, selector: PatchSelector, pixels: Pixels, seed: int, progress: Progress
) -> Choice:
    """Choose patch size and blur over all timesteps, then the timesteps, then the number of draws.

    Args:
        recipe: what the recipe says now.
        selector: the recipe's; it says what places a patch.
        pixels: opens a picture, for selectors that look at it.
        progress: told of the settings that were tried.
    """
    compared = equal_draws(terms)
    progress.start(len(RANGES) + len(BANDS) + 4, "settings")

    def measured(setting: Setting) -> Separation:
        progress.advance()
        return separation(terms, setting, selector, pixels, seed)

    before = replace(recipe, draws=compared)
    plain = replace(before, t_min=T_MIN, t_max=T_MAX, smoothing=0.0)
    fitted = fit(terms, sizes(terms, recipe.size), plain, selector, pixels, seed)
    progress.advance()
    size = fitted.typical(recipe.size)
    now = replace(plain, size=size, smoothing=round(BLUR * size / terms[0].stride, 1))
    ranges = {(low, high): measured(replace(now, t_min=low, t_max=high)) for low, high in RANGES}
    low, high = careful(ranges, lambda bounds: bounds[0] - bounds[1])
    now = replace(now, t_min=low, t_max=high)
    bands = {bounds: measured(replace(now, t_min=bounds[0], t_max=bounds[1])) for bounds in BANDS}
    steady = stability(terms, now, selector, pixels, seed)
    progress.advance()
    return Choice(
        setting=replace(now, draws=enough(steady)),
        recipe=before,
        before=measured(before),
        after=measured(now),
        bands=bands,
        ranges=ranges,
        fit=fitted,
        stability=steady,
        compared=compared,
        pictures=len(terms),
    )


def careful(found: Mapping[K, Separation], cost: Callable[[K], float]) -> K:
    """Of the choices whose effect is not clearly behind the best, the one that costs least."""
    best = max(found.values(), key=lambda one: one.effect)
    as_good = [choice for choice, one in found.items() if is_as_good(one, best)]
    return min(as_good, key=lambda choice: (round(cost(choice), 9), -found[choice].effect))


def is_as_good(one: Separation, best: Separation) -> bool:
    """Whether an effect is less than ``ERRORS`` standard errors of their difference behind the best."""
    behind = best.effect - one.effect
    return bool(behind <= ERRORS * np.std(best.effects - one.effects))
