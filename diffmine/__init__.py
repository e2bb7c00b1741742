"""diffmine: what, visibly, makes labelled pictures what they are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from diffmine.plugins.hookspecs import hookimpl
from diffmine.version import __version__

if TYPE_CHECKING:
    from diffmine.engine.opening import load_run as load_run
    from diffmine.engine.running import run as run
    from diffmine.recipes.reading import load_recipe as load_recipe
    from diffmine.runs.run import Run as Run

_HOMES = {
    "run": "diffmine.engine.running",
    "load_recipe": "diffmine.recipes.reading",
    "Run": "diffmine.runs.run",
    "load_run": "diffmine.engine.opening",
}

__all__ = ["Run", "__version__", "hookimpl", "load_recipe", "load_run", "run"]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that ``diffmine --help`` does not wait for them."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
