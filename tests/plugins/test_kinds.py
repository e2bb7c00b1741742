"""Kinds are listed once, in ``plugins/kinds.py``; what is spelt out for types and readers agrees with that list."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

import diffmine.interfaces
from diffmine.interfaces import Component
from diffmine.plugins import hookspecs
from diffmine.plugins.kinds import KINDS, TABLES
from diffmine.recipes import resolving


def test_every_kind_has_a_hook_and_no_hook_is_without_a_kind() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("diffmine_register_")}
    assert hooks - {"diffmine_register_commands"} == {kind.hook for kind in KINDS}


def test_the_components_of_a_recipe_are_those_of_its_tables() -> None:
    names = [field.name for field in fields(resolving.Components)]
    assert names == [*(kind.table for kind in TABLES), "stages"]
    hints = get_type_hints(resolving.Components)
    for kind in TABLES:
        expected = tuple[kind.interface, ...] if kind.many else kind.interface  # type: ignore[name-defined]
        expected = expected | None if kind.optional else expected
        assert hints[str(kind.table)] == expected


def test_every_interface_of_a_kind_is_public() -> None:
    for kind in KINDS:
        assert issubclass(kind.interface, Component)
        assert getattr(diffmine.interfaces, kind.interface.__name__) is kind.interface
