"""The plot of a tuning: what each choice was made on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from diffmine.drawing.figures import STYLE
from diffmine.tuning.choosing import Choice
from diffmine.tuning.separation import Separation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURED, CHOSEN, FORETOLD = "#0072b2", "#d55e00", "#888888"
WIDTH, HEIGHT = 6.9, 1.9


def plot(choice: Choice, path: Path) -> None:
    """Three panels: bands of timesteps with the range that was chosen, patch size, draws."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(STYLE):
        canvas = Figure(figsize=(WIDTH, HEIGHT))
        timesteps, size, draws = canvas.subplots(1, 3, width_ratios=[1.4, 1, 1])
        _bands(timesteps, choice)
        _sizes(size, choice)
        _draws(draws, choice)
        timesteps.set_ylabel("effect (own − wrong label)")
        canvas.savefig(path, format="png")


def _bands(axes: Axes, choice: Choice) -> None:
    setting = choice.setting
    axes.axvspan(setting.t_min, setting.t_max, color=CHOSEN, alpha=0.12, lw=0)
    axes.set_title(f"timesteps: {setting.t_min:g} to {setting.t_max:g}")
    for (low, high), one in choice.bands.items():
        axes.plot([low, high], [one.effect] * 2, color=MEASURED, lw=1.4, solid_capstyle="butt")
        _error(axes, (low + high) / 2, one)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the noise schedule")


def _sizes(axes: Axes, choice: Choice) -> None:
    shares, chosen = choice.fit.shares, choice.setting.size
    colours = [CHOSEN if size == chosen else MEASURED for size in shares]
    axes.bar(range(len(shares)), list(shares.values()), color=colours, width=0.7)
    axes.set_xticks(range(len(shares)), [str(size) for size in shares])
    axes.set_title(f"patch: {chosen} px, blur: {choice.setting.smoothing:g} cells")
    axes.set_xlabel("side that fits best, pixels; taken: the median")
    axes.set_ylabel("share of pictures")


def _draws(axes: Axes, choice: Choice) -> None:
    found = choice.stability
    measured = [draws for draws, one in found.items() if one.measured]
    further = [draws for draws in found if draws not in measured[:-1]]
    axes.plot(further, [found[draws].order for draws in further], ":", color=FORETOLD, lw=1)
    axes.plot(measured, [found[draws].order for draws in measured], "o-", color=MEASURED, ms=2.5, lw=1)
    chosen = choice.setting.draws
    if chosen in found:
        axes.plot(chosen, found[chosen].order, "o", color=CHOSEN, ms=4.5)
    axes.set_xscale("log")
    axes.minorticks_off()
    ticks = [draws for draws in found if draws in (4, 8, 16, 32, 64)]
    axes.set_xticks(ticks, [str(draws) for draws in ticks])
    axes.set_title(f"draws: {chosen}")
    axes.set_xlabel("draws")
    axes.set_ylabel("agreement on the order")


def _error(axes: Axes, at: float, one: Separation) -> None:
    error = one.effects.std()
    axes.plot([at, at], [one.effect - error, one.effect + error], color=MEASURED, lw=0.6, alpha=0.7)
