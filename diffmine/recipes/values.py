"""Values that no option can have, whatever component reads it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from diffmine.errors import RecipeError
from diffmine.plugins.explaining import shortened

_DEEPEST = 20
_LARGEST = 2**63 - 1


def check_values(tables: Mapping[str, Any]) -> None:
    """Refuse what could not be written down again, or named to the system.

    Raises:
        RecipeError: a number is not finite or takes more than 64 bits, a text holds NUL or half a character, or tables
            lie too deep in one another.
    """
    for place, value in _plain(tables, ()):
        if (cause := _unusable(value)) is not None:
            table, *keys = place
            where = f"[{table}] {'.'.join(keys)}" if keys else table
            raise RecipeError(f"{where} = {shortened(value)}: {cause}")


def _plain(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that holds no others, keys of tables included, and where it stands."""
    if len(place) > _DEEPEST:
        raise RecipeError(f"[{place[0]}] {'.'.join(place[1:4])}...: tables lie in tables more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise RecipeError(f"{'.'.join(place) or 'recipe'}: the key {shortened(key)} must be text")
            here = (*place, ascii(key)[1:-1])
            yield here, key
            yield from _plain(inner, here)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value, start=1):
            yield from _plain(inner, (*place, str(number)))
    else:
        yield place, value


def _unusable(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return "must be an integer of 64 bits"
    if isinstance(value, str) and "\0" in value:
        return "must not hold a NUL character"
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return "must be text in Unicode"
    return None
