"""A recipe as a person would write it, with a reason behind each value that has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from diffmine.starting.advice import Setting, Tables

COLUMN = 34
"""Where reasons begin."""


def recipe_text(name: str, source: Mapping[str, Any], tables: Tables, opening: str) -> str:
    """The text of a recipe file.

    Args:
        name: of the recipe.
        source: the options of ``[dataset]`` that say where the pictures are, as the file shall name them.
        opening: a comment at its beginning, one line.
    """
    dataset = {**{option: Setting(value) for option, value in source.items()}, **tables["dataset"]}
    parts = [f"# {opening}", _line("name", Setting(name)), _line("seed", Setting(1))]
    for table, values in {**tables, "dataset": dataset}.items():
        parts += ["", f"[{table}]", *(_line(key, setting) for key, setting in values.items())]
    return "\n".join(parts) + "\n"


def _line(key: str, setting: Setting) -> str:
    text = f"{key} = {_inline(setting.value)}"
    return f"{text:{COLUMN}}# {setting.reason}" if setting.reason else text


def _inline(value: Any) -> str:
    """A TOML value on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
