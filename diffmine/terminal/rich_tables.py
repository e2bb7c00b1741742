"""The look that all tables share, and cells of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from diffmine.runs.contents import Cluster
from diffmine.runs.verdicts import VerdictKind
from diffmine.terminal.glyphs import bar, visible

HEADING = "dim"
BAR = "cyan"
FLAG = "yellow"
WORDS = "italic"
VERDICTS: Mapping[VerdictKind, str] = {"typical": "green", "cannot tell": "dim", "look": FLAG}
WORDS_WIDTH = 24


def new_table(*headings: str, left: Sequence[str] = ()) -> Table:
    """A table without lines: headings in ``left`` stand over text, the others over numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=HEADING, pad_edge=False)
    for heading in headings:
        justify: Literal["left", "right"] = "left" if heading in left else "right"
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis")
    return table


def heading(text: str, *remarks: str) -> Text:
    """A title line: what it is in bold, then remarks."""
    return Text.assemble((visible(text), "bold"), ("  " + " · ".join(remarks) if remarks else "", "dim"))


def name(text: str, style: str = "") -> Text:
    """Something that a user named, cut off where there is no room."""
    return Text(visible(text), style=style, no_wrap=True, overflow="ellipsis")


def signed(value: float) -> str:
    """A typicality."""
    return f"{value:+.4f}"


def interval(low: float | None, high: float | None) -> str:
    """Bounds, or nothing."""
    return "" if low is None or high is None else f"{low:+.4f} to {high:+.4f}"


def measured(value: float, scale: float, width: int) -> Text:
    """A typicality with its bar."""
    return Text.assemble(signed(value), " ", (bar(value, scale, width).ljust(width), BAR))


def remarked(cell: Text, cluster: Cluster) -> Text:
    """A cell with what is said of a cluster, a line each, below it: its name, the verdict, and suggested words."""
    words = [name(f"{one.words[0].text}? ({one.source})", WORDS) for one in cluster.descriptions if one.words]
    own = [name(one, HEADING) for one in [called(cluster)] if one]
    for text in [*own, *words]:
        text.truncate(WORDS_WIDTH, overflow="ellipsis")
    return Text("\n").join([cell, *own, *verdict(cluster), *words])


def called(cluster: Cluster) -> str:
    """What people say of a cluster in a few words: its name, whether it is starred or hidden; empty: nothing."""
    stars = ["★"] if cluster.starred else []
    return " ".join([*stars, *([cluster.name] if cluster.name else []), *(["(hidden)"] if cluster.hidden else [])])


def verdict(cluster: Cluster) -> list[Text]:
    """The verdict on a cluster, a line each."""
    return [name(text, VERDICTS[cluster.verdict.kind]) for text in cluster.verdict.words]


def counted(number: int, noun: str) -> str:
    """``1 patch``, ``2 patches``."""
    plural = f"{noun}es" if noun.endswith(("ch", "sh", "s")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
