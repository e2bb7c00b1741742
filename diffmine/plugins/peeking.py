"""What a plugin's module says of itself, read from its source: nothing is imported."""

from __future__ import annotations

import re
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from importlib.util import find_spec

COMMANDS_HOOK = "diffmine_register_commands"
_INTERFACE = re.compile(r"""^diffmine_interface\s*(?::[^=\n]*)?=\s*["']([^"'\n]*)["']\s*(?:#.*)?$""", re.MULTILINE)


def interface_in_source(module: str) -> str | None:
    """What the module sets ``diffmine_interface`` to; None where it does not, or where it cannot be read."""
    stated = _INTERFACE.search(_source(module) or "")
    return stated[1] if stated else None


def may_add_commands(entry_point: EntryPoint) -> bool:
    """Whether the plugin could add commands; True where its source does not tell."""
    source = None if entry_point.attr else _source(entry_point.module)
    return source is None or COMMANDS_HOOK in source or "import *" in source


def _source(module: str) -> str | None:
    """The text of a module; packages above it are located, not imported."""
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
        for part in rest:
            if spec is None:
                return None
            spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
        source = spec.loader.get_source(spec.name) if spec and spec.loader else None  # type: ignore[attr-defined]
    except (AttributeError, ImportError, OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None  # a namespace, a zip file, a compiled module
    return source if isinstance(source, str) else None
