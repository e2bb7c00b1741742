"""(kind, name) -> class -> configured component, with errors that say what would have worked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from diffmine.errors import PluginError, RecipeError
from diffmine.interfaces import Component
from diffmine.interfaces.component import PartsOf
from diffmine.plugins.explaining import did_you_mean, explain
from diffmine.plugins.kinds import KIND_OF_NAME, KINDS, Kind
from diffmine.plugins.manager import Failure, PluginManager, Source, plugin_manager


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered component class and the plugin it came from."""

    kind: Kind
    component: type[Component]
    plugin: str
    source: Source


class Registry:
    """All components of all plugins."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        for kind in KINDS:
            for plugin, classes in manager.call_each(kind.hook):
                for component in self._checked(kind, plugin, classes):
                    entry = Entry(kind, component, plugin, manager.sources[plugin])
                    self._entries.setdefault((kind.name, component.name), []).append(entry)

    @property
    def failures(self) -> list[Failure]:
        """Plugins and hooks that failed so far."""
        return self._manager.failures

    def entries(self) -> Iterator[Entry]:
        """Every registered component, by kind and name."""
        for kind in KINDS:
            for name in self.names(kind):
                yield from self._entries[kind.name, name]

    def names(self, kind: Kind) -> list[str]:
        """The names that ``use`` may say for this kind."""
        return sorted(name for registered, name in self._entries if registered == kind.name)

    def position(self, entry: Entry) -> int:
        """Where an entry stands among those of its kind: built-ins in the order of their list, then plugins by name."""
        of_kind = [one for key, entries in self._entries.items() if key[0] == entry.kind.name for one in entries]
        return of_kind.index(entry)

    def find(self, kind: Kind, name: str) -> Entry:
        """The component of this name.

        Raises:
            RecipeError: there is none.
            PluginError: two plugins claim the name.
        """
        entries = self._entries.get((kind.name, name), [])
        if not entries:
            raise RecipeError(self._unknown(kind, name))
        if len(entries) > 1:
            plugins = " and ".join(f"{e.plugin!r} ({e.source.distribution} {e.source.version})" for e in entries)
            raise PluginError(
                f"two plugins register the {kind.singular} {name!r}: {plugins}; "
                f"uninstall one, or block it with DIFFMINE_DISABLED_PLUGINS={entries[-1].plugin}"
            )
        return entries[0]

    def build(
        self, kind: Kind, name: str, options: Mapping[str, Any], folders: Mapping[str, Path] | None = None
    ) -> Component:
        """Check options against the named component and configure it.

        Args:
            options: the recipe's table without ``use``.
            folders: option -> folder of the recipe file that holds it, against which relative paths are resolved.
        Raises:
            RecipeError: naming table, field, value and what is allowed.
        """
        component = self.find(kind, name).component
        try:
            config = component.Config.model_validate(dict(options), context={"folders": folders or {}})
        except ValidationError as error:
            table, chosen = (kind.table, name) if kind.table else (name, "")
            raise RecipeError(explain(error, table, chosen, component.Config, options)) from None
        return component(config, tuple(self._parts(config, folders)))

    def _parts(self, config: BaseModel, folders: Mapping[str, Path] | None) -> Iterator[Component]:
        for field, info in type(config).model_fields.items():
            for marker in info.metadata:
                if isinstance(marker, PartsOf):
                    folder = (folders or {}).get(field, Path())
                    for table in getattr(config, field):
                        options = {key: value for key, value in table.items() if key != "use"}
                        inherited = dict.fromkeys(options, folder)
                        yield self.build(KIND_OF_NAME[marker.kind], table["use"], options, inherited)

    def _checked(self, kind: Kind, plugin: str, classes: object) -> Iterator[type[Component]]:
        for component in classes if isinstance(classes, (list, tuple)) else [classes]:
            if isinstance(component, type) and issubclass(component, kind.interface):
                yield component
            else:
                cause = f"returned {component!r}, which is not a subclass of {kind.interface.__name__}"
                self._manager.failures.append(Failure(plugin, kind.hook, cause, ""))

    def _unknown(self, kind: Kind, name: str) -> str:
        known = self.names(kind)
        text = f"[{kind.table}] use = {name!r}: there is no such {kind.singular}{did_you_mean(name, known)}"
        text += f"\navailable: {', '.join(known)}"
        for failure in self.failures:
            text += f"\nplugin {failure.plugin!r} failed ({failure.where}): {failure.cause}"
        return text


@cache
def registry() -> Registry:
    """The components of the process's plugins."""
    return Registry(plugin_manager())
