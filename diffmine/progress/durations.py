"""Durations, rates and counts, as people say them."""

from __future__ import annotations

import re

from diffmine.progress.tally import Pace

PLURAL = re.compile(r"(?<=ss|ch|sh)es$|(?<=x)es$|s$")


def human_time(seconds: float) -> str:
    """A duration for people: ``2 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def rate(speed: float) -> str:
    """``12/s``, or ``3.1 s each`` where it is slow.

    Args:
        speed: units a second.
    """
    if speed < 1:
        return f"{human_time(1 / speed)} each"
    return f"{speed:,.1f}/s" if speed < 10 else f"{speed:,.0f}/s"


def time_left(pace: Pace) -> str:
    """``3 min 10 s left``; empty where that is not known, or nothing is left."""
    return f"{human_time(pace.left)} left" if pace.left else ""


def counted(pace: Pace) -> str:
    """``12 of 40``; empty before the number is known."""
    return "" if pace.total is None else f"{pace.done:,} of {pace.total:,}"


def counted_units(pace: Pace) -> str:
    """``12 of 40 images``."""
    return f"{counted(pace)} {noun(pace.total or 0, pace.unit)}".strip()


def noun(number: int, plural: str) -> str:
    """The plural noun of what is counted, or its singular where there is one: ``batches``, ``batch``."""
    if number != 1:
        return plural
    return f"{plural[:-3]}y" if plural.endswith("ies") else PLURAL.sub("", plural)
