"""The plugin manager: finds plugins, isolates their failures, and keeps those to show.

Built-ins come through the same hooks as a stranger's plugin; the only difference is that they are listed here
instead of in an entry point.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from diffmine.plugins import hookspecs
from diffmine.version import __version__

ENTRY_POINT_GROUP = "diffmine"
DISABLED_VARIABLE = "DIFFMINE_DISABLED_PLUGINS"
BUILTIN = "diffmine"


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that could not be used, or a hook of it that could not be called."""

    plugin: str
    where: str
    cause: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin was installed from."""

    distribution: str
    version: str


class PluginManager:
    """Loaded plugins and their hooks.

    Attributes:
        failures: what went wrong so far, in order; grows as hooks are called.
        sources: plugin name -> distribution and version.
        disabled: names that the environment variable blocks.
    """

    def __init__(self, disabled: frozenset[str] = frozenset()) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.failures: list[Failure] = []
        self.sources: dict[str, Source] = {}
        self.disabled = disabled

    def register(self, plugin: Any, name: str, source: Source) -> None:
        """Add a plugin object; an unknown hook name in it is a failure that is shown, not ignored."""
        self._manager.register(plugin, name)
        self.sources[name] = source
        for hook in self._unknown_hooks(plugin):
            cause = f"implements {hook!r}, which is not a hook; see the hook reference for the names"
            self.failures.append(Failure(name, hook, cause, ""))

    def load(self, entry_point: EntryPoint) -> None:
        """Import and add the plugin of an entry point; a failure is kept, never raised."""
        distribution = entry_point.dist
        source = Source(distribution.name, distribution.version) if distribution else Source("unknown", "unknown")
        try:
            self.register(entry_point.load(), entry_point.name, source)
        except Exception as error:
            self.sources[entry_point.name] = source
            self._fail(entry_point.name, "import", error)

    def calls(self, hook: str) -> Iterator[tuple[str, Any]]:
        """(plugin name, function) for each implementation of ``hook``, in the order of registration."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            yield implementation.plugin_name, implementation.function

    def call_each(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call each implementation with the arguments it names; yields (plugin name, result), keeps failures."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                result = implementation.function(**wanted)
            except Exception as error:
                self._fail(implementation.plugin_name, hook, error)
            else:
                yield implementation.plugin_name, result

    def names(self) -> list[str]:
        """Names of the plugins that loaded."""
        return [name for name, _ in self._manager.list_name_plugin()]

    def _fail(self, plugin: str, where: str, error: Exception) -> None:
        cause = f"{type(error).__name__}: {error}"
        self.failures.append(Failure(plugin, where, cause, "".join(traceback.format_exception(error))))

    def _unknown_hooks(self, plugin: Any) -> list[str]:
        marked = (name for name in dir(plugin) if self._manager.parse_hookimpl_opts(plugin, name) is not None)
        return [name for name in marked if not hasattr(hookspecs, name)]


def load_plugins(disabled: frozenset[str]) -> PluginManager:
    """The built-ins and every plugin installed in this environment, without the disabled ones."""
    manager = PluginManager(disabled)
    if BUILTIN not in disabled:
        manager.register(import_module("diffmine.builtin"), BUILTIN, Source("diffmine", __version__))
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.name not in disabled:
            manager.load(entry_point)
    return manager


@cache
def plugin_manager() -> PluginManager:
    """The process's plugins; loaded once."""
    names = os.environ.get(DISABLED_VARIABLE, "")
    return load_plugins(frozenset(name.strip() for name in names.split(",") if name.strip()))
