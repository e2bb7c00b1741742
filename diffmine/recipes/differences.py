"""In which options recipes differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diffmine.recipes.reading import Recipe


def differences(recipes: Sequence[Recipe], header: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The options that are not the same in all of several resolved recipes.

    Args:
        header: what to compare outside the tables too, such as ``seed``.
    Returns:
        dotted key -> the value in each recipe, None where it has no such option; in the order of the recipes.
    """
    flat = [{**{key: getattr(one.header, key) for key in header}, **dict(_options(one))} for one in recipes]
    keys = dict.fromkeys(key for options in flat for key in options)
    found = {key: [options.get(key) for options in flat] for key in keys}
    return {key: values for key, values in found.items() if any(value != values[0] for value in values)}


def _options(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    for name, table in {**recipe.tables, **recipe.stages}.items():
        yield from _flattened(table, name)


def _flattened(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value
