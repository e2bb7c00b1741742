"""All that was tried, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diffmine.tuning.choosing import Choice
from diffmine.tuning.separation import Separation

COLUMNS = (
    "what",
    "setting",
    "effect",
    "effect_se",
    "auc",
    "auc_low",
    "auc_high",
    "share",
    "order",
    "place",
    "draws",
    "chosen",
)


def rows(choice: Choice) -> Iterator[dict[str, Any]]:
    """A row for each setting that was tried; what was decided is marked."""
    setting = choice.setting
    chosen_range = (setting.t_min, setting.t_max)
    yield _row(choice, "recipe", "as it was", choice.before)
    yield _row(choice, "recipe", "tuned", choice.after, chosen=True)
    for bounds, one in choice.bands.items():
        yield _row(choice, "band", span(bounds), one)
    for bounds, one in choice.ranges.items():
        yield _row(choice, "timesteps", span(bounds), one, chosen=bounds == chosen_range)
    for size, share in choice.fit.shares.items():
        row = _row(choice, "size", str(size), choice.fit.separation(size), chosen=size == setting.size)
        yield row | {"share": share, "draws": None}
    for draws, steady in choice.stability.items():
        yield dict.fromkeys(COLUMNS) | {
            "what": "draws",
            "setting": str(draws),
            "order": steady.order,
            "place": steady.place,
            "draws": draws,
            "chosen": draws == setting.draws,
        }


def span(bounds: tuple[float, float]) -> str:
    """A range of timesteps, as text."""
    return f"{bounds[0]:g} to {bounds[1]:g}"


def _row(choice: Choice, what: str, setting: str, one: Separation, *, chosen: bool = False) -> dict[str, Any]:
    low, high = one.auc_interval
    return dict.fromkeys(COLUMNS) | {
        "what": what,
        "setting": setting,
        "effect": one.effect,
        "effect_se": float(one.effects.std()),
        "auc": one.auc,
        "auc_low": low,
        "auc_high": high,
        "draws": choice.compared if what != "band" else None,
        "chosen": chosen,
    }
