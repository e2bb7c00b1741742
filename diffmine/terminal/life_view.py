"""The life of elements on the terminal: what becomes of each along the labels' order, or one label by label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.errors import RecipeError
from diffmine.runs.life import Course, Element, Life, Step
from diffmine.runs.run import Run
from diffmine.terminal.crop_rows import Thumbnails
from diffmine.terminal.glyphs import LEVELS, bar, visible
from diffmine.terminal.rich_tables import BAR, HEADING, counted, heading, interval, name, new_table, signed
from diffmine.terminal.thumbnails import SIDE, fitting

STYLES: dict[Course, str] = {"rises": "green", "falls": "red", "comes and goes": "yellow", "cannot tell": "dim"}
FACTS = 26
"""Columns for what is said of an element beside its crops."""
LINE = 24
"""Columns that a line of shares takes at most."""
BAR_WIDTH = 8
BESIDE = 56
"""Columns that the steps' table takes beside crops."""


def life_view(run: Run, console: Console, element: str | None, limit: int) -> Iterator[RenderableType]:
    """The elements of a run, or one of them label by label.

    Args:
        element: the number of one; None: all.
        limit: elements to show at most.
    Raises:
        RecipeError: the run tells no lives, or has no such element.
    """
    if run.life is None:
        raise RecipeError(
            f"{run.path} tells no lives of elements; say [dataset] order, add a table [life] to the recipe, and run it "
            "again"
        )
    if element is None:
        yield from _elements(run, run.life, console, limit)
        return
    numbers = {str(one.number): one for one in run.life.elements}
    if element not in numbers:
        raise RecipeError(f"there is no element {element!r}; they are numbered from 0 to {len(numbers) - 1}")
    yield from _steps(run, numbers[element], console)


def _elements(run: Run, life: Life, console: Console, limit: int) -> Iterator[RenderableType]:
    told = sum(one.course != "cannot tell" for one in life.elements)
    span = f"{visible(life.labels[0])} to {visible(life.labels[-1])}" if life.labels else ""
    elements = counted(len(life.elements), "element")
    yield heading("life of elements", elements, f"{told} change", f"{counted(len(life.labels), 'label')}, {span}")
    yield Text()
    shown = life.by_change[:limit]
    thumbnails = Thumbnails(run.contents, console)
    places = _spread(len(life.labels), fitting(console.width - FACTS))
    faces = [element.steps[place].rows[:1].tolist() for element in shown for place in places]
    cells = thumbnails.load(faces)
    if thumbnails.shown and places:
        yield _illustrated(life, shown, places, cells)
    else:
        yield _listed(shown)
    if len(life.elements) > limit:
        yield Text(f"and {counted(len(life.elements) - limit, 'element')} more; --limit shows more", style="dim")
    yield Text("shares of each label's pictures, lowest sign 0 %, highest 100 %; --cluster K tells of one", style="dim")
    if thumbnails.cause:
        yield Text(f"crops are not shown: {visible(thumbnails.cause)}", style="yellow")


def _illustrated(life: Life, elements: Sequence[Element], places: Sequence[int], cells: Sequence[Text]) -> Table:
    """The best crop of each element under the labels at some places; ``cells`` are element by element."""
    table = Table(box=None, padding=(0, 1, 1, 0), pad_edge=False, header_style=HEADING)
    table.add_column(width=FACTS - 1, no_wrap=True)
    for place in places:
        table.add_column(name(life.labels[place]), width=SIDE, no_wrap=True, overflow="ellipsis")
    for number, element in enumerate(elements):
        crops = cells[number * len(places) : (number + 1) * len(places)]
        table.add_row(Text("\n").join(_facts(element)), *crops)
    return table


def _facts(element: Element) -> list[Text]:
    peak = element.peak
    return [
        Text(f"element {element.number}", style="bold"),
        Text(element.course, style=STYLES[element.course]),
        Text(shares_line(element.shares), style=BAR),
        Text.assemble(f"most {peak.facts['share']:.0%} in ", name(peak.label)),
        Text(_sure(element) if element.is_chance and element.differs else f"q {_sure(element)}", style="dim"),
    ]


def _listed(elements: Sequence[Element]) -> Table:
    table = new_table("element", "patches", "course", "q", "shares", "most", "in", left=["course", "shares", "in"])
    for one in elements:
        facts = one.peak.facts
        table.add_row(
            str(one.number),
            f"{one.facts['size']:,}",
            Text(one.course, style=STYLES[one.course]),
            _sure(one),
            Text(shares_line(one.shares), style=BAR),
            f"{facts['share']:.0%}",
            name(one.peak.label),
        )
    return table


def _sure(element: Element) -> str:
    """Its q-value; where that tells of a change in what may be chance altogether, that."""
    return "at chance" if element.differs and element.is_chance else f"{element.facts['q_value']:.2g}"


def _steps(run: Run, element: Element, console: Console) -> Iterator[RenderableType]:
    facts = element.facts
    pictures = counted(facts["images"], "picture")
    yield heading(f"element {element.number}", element.course, counted(facts["size"], "patch"), pictures)
    yield Text(
        f"q {facts['q_value']:.2g} over all elements · trend z {facts['trend_z']:+.2f}, p {facts['trend_p']:.2g} · "
        f"any change p {facts['change_p']:.2g}",
        style="dim",
    )
    yield Text()
    thumbnails = Thumbnails(run.contents, console)
    across = fitting(console.width - BESIDE)
    strips = thumbnails.load([step.rows[:across].tolist() for step in element.steps])
    headings = ("label", "found in", "share", "95 % interval", "typicality", "95 % interval")
    table = new_table(*headings[:4], *(headings[4:] if not thumbnails.shown else ()), left=["label", "share"])
    if thumbnails.shown:
        table.add_column("", no_wrap=True)
    for step, strip in zip(element.steps, strips, strict=True):
        further = [Text.assemble(strip, "\n")] if thumbnails.shown else _typicality(step)
        table.add_row(name(step.label), *_share(step), *further)
    yield table


def _share(step: Step) -> list[Text | str]:
    facts = step.facts
    found = Text.assemble(f"{facts['share']:4.0%} ", (bar(facts["share"], 1.0, BAR_WIDTH).ljust(BAR_WIDTH), BAR))
    bounds = f"{facts['share_low']:.0%} to {facts['share_high']:.0%}"
    return [f"{facts['found']} of {facts['pictures']}", found, bounds]


def _typicality(step: Step) -> list[Text | str]:
    facts = step.facts
    mean = facts["mean_typicality"]
    return ["" if mean is None else signed(mean), interval(facts["mean_low"], facts["mean_high"])]


def shares_line(shares: Sequence[float], width: int = LINE) -> str:
    """Shares in one line of at most ``width`` signs, of which the lowest is 0 % and the highest 100 %."""
    chosen = [shares[place] for place in _spread(len(shares), width)]
    return "".join(LEVELS[round(share * (len(LEVELS) - 1))] for share in chosen)


def _spread(count: int, most: int) -> list[int]:
    """At most so many of the first ``count`` places, evenly spread."""
    places: list[int] = np.unique(np.rint(np.linspace(0, count - 1, min(count, most))).astype(int)).tolist()
    return places
