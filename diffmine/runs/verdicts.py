"""What can be said of a cluster in a few words, the same wherever it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

VerdictKind = Literal["typical", "cannot tell", "look"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of a cluster.

    Attributes:
        kind: ``typical``: some of its members surely are; ``cannot tell``: chance may have made it, or nothing was
            tested; ``look``: the run warns of it, whatever its members are.
        words: what to show, a line each; several where there are several warnings.
    """

    kind: VerdictKind
    words: tuple[str, ...]


def verdict_of(at_least: float | None, marks: Sequence[str]) -> Verdict:
    """The verdict on a cluster.

    Args:
        at_least: lower bound of the share of its members that are typical; None where none was tested.
        marks: the words of the run's warnings about it.
    """
    if marks:
        return Verdict("look", tuple(f"{mark}: look" for mark in marks))
    if at_least:
        return Verdict("typical", (f"typical, at least {percent_at_least(at_least)}",))
    return Verdict("cannot tell", ("cannot tell",))


def percent_at_least(share: float) -> str:
    """A lower bound of a share in percent, never rounded up."""
    return f"{math.floor(100 * share + 0.01)} %"
