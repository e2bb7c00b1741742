"""(kind, name) -> class -> configured component, with errors that say what would have worked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from diffmine.errors import DiffmineError, MissingComponentError, PluginError, RecipeError
from diffmine.interfaces import Component
from diffmine.interfaces.component import PartsOf, Provenance
from diffmine.plugins.checking import faults, remarks
from diffmine.plugins.code_digest import code_digest
from diffmine.plugins.explaining import did_you_mean, explain
from diffmine.plugins.kinds import KIND_OF_NAME, KINDS, Kind
from diffmine.plugins.manager import BUILTIN, Failure, Note, PluginManager, Source, plugin_manager


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered component class and the plugin it came from."""

    kind: Kind
    component: type[Component]
    plugin: str
    source: Source

    @property
    def qualified(self) -> str:
        """``PLUGIN:NAME``, which is nobody else's."""
        return f"{self.plugin}:{self.component.name}"

    def answers_to(self, plugin: str) -> bool:
        """Whether this is meant by ``PLUGIN:NAME``; a plugin may be named with its distribution even where it need not.

        A recipe that had to say ``DISTRIBUTION/PLUGIN`` stays true when the other plugin of that name is gone.
        """
        return plugin in (self.plugin, f"{self.source.distribution}/{self.plugin}")

    def provenance(self, use: str) -> Provenance:
        """For the component that a recipe names as ``use``."""
        source = None if self.plugin == BUILTIN else code_digest(self.component)
        return Provenance(use, self.plugin, self.source.distribution, self.source.version, source)


class Registry:
    """All components of all plugins that pass the checks of :mod:`diffmine.plugins.checking`."""

    def __init__(self, manager: PluginManager) -> None:
        self.plugins = manager
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        for kind in KINDS:
            for plugin, classes in manager.call_each(kind.hook):
                for component in self._checked(kind, plugin, classes):
                    self._add(Entry(kind, component, plugin, manager.sources[plugin]))

    @property
    def failures(self) -> list[Failure]:
        """Plugins and hooks that failed so far."""
        return self.plugins.failures

    def entries(self) -> Iterator[Entry]:
        """Every registered component, by kind and name."""
        for kind in KINDS:
            for name in self.names(kind):
                yield from self._entries[kind.name, name]

    def names(self, kind: Kind) -> list[str]:
        """The names that ``use`` may say for this kind."""
        return sorted(name for registered, name in self._entries if registered == kind.name)

    def spelling(self, entry: Entry) -> str:
        """What ``use`` says to mean this component: its name or, where several plugins have that, PLUGIN:NAME."""
        alike = self._entries[entry.kind.name, entry.component.name]
        return entry.component.name if len(alike) == 1 else entry.qualified

    def position(self, entry: Entry) -> int:
        """Where an entry stands among those of its kind: built-ins in the order of their list, then plugins by name."""
        of_kind = [one for key, entries in self._entries.items() if key[0] == entry.kind.name for one in entries]
        return of_kind.index(entry)

    def find(self, kind: Kind, use: str) -> Entry:
        """The component of this name.

        Args:
            use: ``NAME``, or ``PLUGIN:NAME`` where several plugins have a component of that name.
        Raises:
            MissingComponentError: there is none.
            PluginError: two plugins claim the name.
        """
        plugin, _, name = use.rpartition(":")
        named = self._entries.get((kind.name, name), [])
        entries = [entry for entry in named if entry.answers_to(plugin)] if plugin else named
        if not entries:
            raise MissingComponentError(kind.table or kind.name, use, self._unknown(kind, use))
        if len(entries) > 1:
            raise PluginError(_conflict(kind, name, entries))
        return entries[0]

    def build(
        self, kind: Kind, use: str, options: Mapping[str, Any], folders: Mapping[str, Path] | None = None
    ) -> Component:
        """Check options against the named component and configure it.

        Args:
            use: as for :meth:`find`.
            options: the recipe's table without ``use``.
            folders: option -> folder of the recipe file that holds it, against which relative paths are resolved.
        Raises:
            RecipeError: naming table, field, value and what is allowed.
            PluginError: the component's own code failed.
        """
        entry = self.find(kind, use)
        config_class = entry.component.Config
        with _attributed(entry, use, kind):
            try:
                config = config_class.model_validate(dict(options), context={"folders": folders or {}})
            except ValidationError as error:
                table, chosen = (kind.table, use) if kind.table else (use, "")
                raise RecipeError(explain(error, table, chosen, config_class, options)) from None
        parts = tuple(self._parts(config, folders))
        with _attributed(entry, use, kind):
            component = entry.component(config, parts)
            component.provenance = entry.provenance(use)
        return component

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
        for component in classes if isinstance(classes, (list, tuple, set, frozenset)) else [classes]:
            found = faults(component, kind.interface)
            for fault in found:
                self.plugins.fail(plugin, kind.hook, fault)
            if not found and isinstance(component, type):
                yield component

    def _add(self, entry: Entry) -> None:
        alike = self._entries.setdefault((entry.kind.name, entry.component.name), [])
        if any(other.plugin == entry.plugin for other in alike):
            cause = f"registers two {entry.kind.singular}s of the name {entry.component.name!r}; the first is used"
            self.plugins.fail(entry.plugin, entry.kind.hook, cause)
            return
        if alike and entry.kind.table is None:  # no recipe could say which is meant
            first = f"plugin {alike[0].plugin!r} ({alike[0].source})"
            cause = f"{first} has a {entry.kind.singular} of the name {entry.component.name!r} already; rename this one"
            self.plugins.fail(entry.plugin, entry.kind.hook, cause)
            return
        alike.append(entry)
        self.plugins.notes += [Note(entry.plugin, remark) for remark in remarks(entry.component)]

    def _unknown(self, kind: Kind, use: str) -> str:
        known = self.names(kind)
        if ":" in use:
            known = sorted(entry.qualified for entry in self.entries() if entry.kind.name == kind.name)
        text = f"{_place(kind, use)}: there is no such {kind.singular}{did_you_mean(use, known)}"
        text += f"\navailable: {', '.join(known)}"
        return "\n".join([text, *map(str, self.failures)])


def _place(kind: Kind, use: str) -> str:
    return f"[{kind.table}] use = {use!r}" if kind.table else f"{kind.singular} {use!r}"


def _conflict(kind: Kind, name: str, entries: list[Entry]) -> str:
    plugins = " and ".join(f"{entry.plugin!r} ({entry.source})" for entry in entries)
    choices = " or ".join(f'use = "{entry.qualified}"' for entry in entries)
    return (
        f"{_place(kind, name)}: plugins {plugins} each have such a {kind.singular}; write {choices}, "
        f"uninstall one, or leave it out with DIFFMINE_DISABLED_PLUGINS={entries[-1].plugin}"
    )


@contextmanager
def _attributed(entry: Entry, use: str, kind: Kind) -> Iterator[None]:
    """Name the component, and its plugin, in whatever its own code raises while it is configured."""
    where = f"[{kind.table}] (use = {use!r})" if kind.table else f"{kind.singular} {use!r}"
    try:
        yield
    except DiffmineError:
        raise
    except OSError as error:
        raise RecipeError(f"{where} {error.filename or 'a file'} cannot be used: {error.strerror or error}") from error
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise PluginError(f"{where} failed in plugin {entry.plugin!r} ({entry.source}): {cause}") from error


@cache
def registry() -> Registry:
    """The components of the process's plugins."""
    return Registry(plugin_manager())
