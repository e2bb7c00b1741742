"""A tuning on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from diffmine.progress.durations import human_time
from diffmine.terminal.glyphs import bar
from diffmine.terminal.rich_tables import BAR, heading, new_table
from diffmine.tuning.separation import Separation
from diffmine.tuning.tables import span
from diffmine.tuning.tune import Tuned

WIDTH = 12
CHOSEN = "bold green"


def tuning_view(tuned: Tuned) -> Iterator[RenderableType]:
    """What was chosen against what the recipe says, then what each choice was made on."""
    choice, setting, recipe = tuned.choice, tuned.choice.setting, tuned.choice.recipe
    yield heading(f"{tuned.resolved.name}, tuned", f"{choice.pictures} unseen pictures, own against wrong label")
    cost = tuned.forwards * setting.draws
    table = new_table("", "recipe", "tuned", left=[""])
    table.add_row("timesteps", span((recipe.t_min, recipe.t_max)), span((setting.t_min, setting.t_max)))
    table.add_row("blur (cells)", f"{recipe.smoothing:g}", f"{setting.smoothing:g}")
    table.add_row("patch (px)", str(recipe.size), str(setting.size))
    table.add_row("draws", str(tuned.draws_before), str(setting.draws))
    table.add_row("effect", f"{choice.before.effect:.2f}", f"{choice.after.effect:.2f}")
    table.add_row("AUC", _auc(choice.before), _auc(choice.after))
    table.add_row("forwards", f"{tuned.forwards * tuned.draws_before:,}", f"{cost:,}")
    table.add_row(
        "time here", human_time(tuned.forwards * tuned.draws_before * tuned.seconds), human_time(cost * tuned.seconds)
    )
    yield table
    yield Text(
        f"effect: mean gap between own and wrong label in standard deviations, at {choice.compared} draws", "dim"
    )
    yield Text()
    scale = max(0.0, *(one.effect for one in choice.bands.values()))
    table = new_table("timesteps", "effect", "", "AUC", left=["timesteps", ""])
    for bounds, one in choice.bands.items():
        inside = setting.t_min <= bounds[0] and bounds[1] <= setting.t_max
        style = CHOSEN if inside else ""
        table.add_row(
            Text(span(bounds), style), Text(f"{one.effect:.2f}", style), _filled(one.effect, scale), _auc(one)
        )
    yield table
    yield Text()
    shares = choice.fit.shares
    table = new_table("patch (px)", "fits best in", "", left=[""])
    for size, share in shares.items():
        style = CHOSEN if size == setting.size else ""
        table.add_row(Text(str(size), style), Text(f"{share:.0%}", style), _filled(share, max(shares.values())))
    yield table
    yield Text("share of pictures whose label is explained best by patches of this side; the median is taken", "dim")
    yield Text()
    table = new_table("draws", "order", "place", left=["draws"])
    for draws, agreed in choice.stability.items():
        style = CHOSEN if draws == setting.draws else ("" if agreed.measured else "dim")
        table.add_row(
            *(
                Text(text, style)
                for text in (str(draws), f"{agreed.order:.2f}", "" if agreed.place is None else f"{agreed.place:.2f}")
            )
        )
    yield table
    yield Text(
        "agreement of two sets of so many draws: rank correlation of pictures, overlap of patches; dim: foretold", "dim"
    )


def _filled(value: float, scale: float) -> Text:
    return Text(bar(max(0.0, value), scale, WIDTH).ljust(WIDTH) if scale else "", BAR)


def _auc(one: Separation) -> str:
    low, high = one.auc_interval
    return f"{one.auc:.3f} ({low:.3f} to {high:.3f})"
