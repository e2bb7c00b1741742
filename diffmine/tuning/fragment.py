"""The chosen settings as a recipe that extends the one they are for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from diffmine.progress.durations import human_time
from diffmine.tuning.choosing import BLUR
from diffmine.tuning.separation import Separation
from diffmine.tuning.stability import TOLERANCE
from diffmine.tuning.tune import Tuned


def recipe_fragment(tuned: Tuned, folder: Path) -> str:
    """TOML that ``diffmine run`` takes, every value with the figure that chose it; its tables can be pasted.

    Args:
        folder: where it will lie, for the relative path of the recipe that it extends.
    """
    return "\n".join([*_head(tuned, folder), "", *_scorer(tuned), "", *_patches(tuned), ""])


def _head(tuned: Tuned, folder: Path) -> Iterator[str]:
    choice = tuned.choice
    yield f"# Settings for {tuned.path.name}, chosen by `diffmine tune` without masks, on {choice.pictures} pictures"
    yield "# that the model has not seen. A picture's gap: the typicality of its best patch under its own label less"
    yield "# that under a wrong one; the effect: the mean gap in standard deviations. Ranges of timesteps are compared"
    yield f"# at {choice.compared} draws."
    yield f"# The recipe as it was: effect {choice.before.effect:.2f}, {told(choice.before)}."
    yield f"# These settings: effect {choice.after.effect:.2f}, {told(choice.after)}."
    for override in tuned.overrides:
        yield f"# Measured with --set {override}, which this file does not repeat."
    yield f"extends = {quoted(os.path.relpath(tuned.path.resolve(), folder.resolve()))}"
    yield f'name = "{tuned.resolved.name}-tuned"'


def _scorer(tuned: Tuned) -> Iterator[str]:
    choice, setting = tuned.choice, tuned.choice.setting
    best = max(choice.ranges, key=lambda bounds: choice.ranges[bounds].effect)
    chosen = choice.ranges[setting.t_min, setting.t_max]
    yield "[scorer]"
    yield (
        f"# Timesteps: the widest range not clearly worse than the best, {best[0]:g} to {best[1]:g} "
        f"(effect {choice.ranges[best].effect:.2f}); this one: {chosen.effect:.2f}."
    )
    yield f"t_min = {float(setting.t_min)!r}"
    yield f"t_max = {float(setting.t_max)!r}"
    yield "# As it was measured: evenly spread, in pairs of opposite noise."
    yield 'timesteps = "stratified"'
    yield "antithetic = true"
    yield from (f"# {line}" for line in draws_reasons(tuned))
    yield f"draws = {setting.draws}"
    yield f"# Blur in cells: {BLUR:g} of the patch's side."
    yield f"smoothing = {float(setting.smoothing)!r}"


def draws_reasons(tuned: Tuned) -> Iterator[str]:
    """Why so many draws, and what they cost."""
    choice, draws = tuned.choice, tuned.choice.setting.draws
    steady, forwards = choice.stability[draws], tuned.forwards * draws
    how = "agree" if steady.measured else "should agree"
    yield f"Draws: two sets of {draws} {how} on the order of pictures by {steady.order:.2f} (rank correlation);"
    yield (
        f"twice as many would by less than {TOLERANCE:g} more. Cost: {forwards:,} forwards, about "
        f"{human_time(forwards * tuned.seconds)} here."
    )


def _patches(tuned: Tuned) -> Iterator[str]:
    choice, setting = tuned.choice, tuned.choice.setting
    yield "[patches]"
    yield f"# Side in pixels: the median over {len(choice.fit.best)} pictures of the side that fits best what their"
    yield f"# label explains; it is this one in {choice.fit.shares[setting.size]:.0%} of them."
    yield f"size = {setting.size}"
    if getattr(tuned.resolved.components.patches.config, "sizes", ()):
        yield "sizes = []                        # one size fits best"


def told(one: Separation) -> str:
    """The share of pictures told apart, with its interval."""
    low, high = one.auc_interval
    return f"own against wrong label AUC {one.auc:.3f} (95 %: {low:.3f} to {high:.3f})"


def quoted(text: str) -> str:
    """A TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
