"""The plugin manager: finds plugins, isolates their failures, and keeps those to show.

Built-ins come through the same hooks as a stranger's plugin; the only difference is that they are listed here
instead of in an entry point.
"""

from __future__ import annotations

import os
import re
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import FunctionType, GeneratorType
from typing import Any

import pluggy

from diffmine.errors import DiffmineError, PluginError
from diffmine.plugins import hookspecs
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.peeking import interface_in_source
from diffmine.version import INTERFACE_VERSION, __version__, interface_version

ENTRY_POINT_GROUP = "diffmine"
DISABLED_VARIABLE = "DIFFMINE_DISABLED_PLUGINS"
BUILTIN = "diffmine"
PREFIX = "diffmine_"
INTERFACE_ATTRIBUTE = "diffmine_interface"
OLDEST_INTERFACE = "1.0"
"""What a plugin needs that does not say."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin was installed from."""

    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


BUILTIN_SOURCE = Source("diffmine", __version__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that could not be used, or something in it that could not.

    Attributes:
        plugin: its name.
        source: its distribution.
        where: ``import``, or a hook.
        cause: what went wrong, for people.
        traceback: of the exception, if there was one.
    """

    plugin: str
    source: Source
    where: str
    cause: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} ({self.source}) failed ({self.where}): {self.cause}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know of a plugin that works all the same.

    Attributes:
        plugin: its name; empty where the note is about what the user has set.
        text: a sentence.
    """

    plugin: str
    text: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r}: {self.text}" if self.plugin else self.text


class PluginManager:
    """Loaded plugins and their hooks.

    Args:
        specifications: modules or classes that specify the hooks.

    Attributes:
        failures: what went wrong so far, in order; grows as hooks are called.
        notes: what else the user should know.
        sources: plugin name -> distribution and version, of the plugins that loaded.
        interfaces: plugin name -> the version of the plugin interface that it asks for.
        commands: plugin name -> commands that it added to the command line.
    """

    def __init__(self, specifications: Sequence[Any] = (hookspecs,)) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        for specification in specifications:
            self._manager.add_hookspecs(specification)
        self._hooks = sorted(name for name in vars(self._manager.hook) if name.startswith(PREFIX))
        self.failures: list[Failure] = []
        self.notes: list[Note] = []
        self.sources: dict[str, Source] = {}
        self.interfaces: dict[str, str] = {}
        self.commands: dict[str, list[str]] = {}

    def register(self, plugin: Any, name: str, source: Source) -> None:
        """Add a plugin object; what in it will never be called is a failure that is shown, not ignored.

        Raises:
            PluginError: the plugin cannot be added at all.
        """
        if name in self.sources:
            raise PluginError(f"{self.sources[name]} has a plugin of this name already; give it another name")
        if twin := self._manager.get_name(plugin):
            raise PluginError(f"names the same module as the plugin {twin!r}; remove one of the two entry points")
        interface = getattr(plugin, INTERFACE_ATTRIBUTE, OLDEST_INTERFACE)
        check_interface(interface)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                self._manager.register(plugin, name)
            except pluggy.PluginValidationError as error:
                if self._manager.is_registered(plugin):  # pluggy before 1.7 stops halfway
                    self._manager.unregister(plugin)
                raise PluginError(" ".join(str(error).split())) from error
        self.sources[name], self.interfaces[name] = source, interface
        self.notes += [Note(name, str(one.message)) for one in said]
        for hook, cause in self._never_called(plugin):
            self.fail(name, hook, cause)

    def load(self, entry_point: EntryPoint, name: str = "") -> None:
        """Import and add the plugin of an entry point; a failure is kept, never raised.

        Args:
            name: the plugin's name; default: the entry point's.
        """
        name, source = name or entry_point.name, source_of(entry_point)
        try:
            if stated := interface_in_source(entry_point.module):
                check_interface(stated)  # before an import of what this interface lacks can fail
            self.register(entry_point.load(), name, source)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin that calls sys.exit must not end diffmine
            self.failures.append(_failure(name, source, "import", error))

    def call_each(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call each implementation with the arguments it names; yields (plugin name, result), keeps failures."""
        for plugin in self.implementing(hook):
            for result in self.call(plugin, hook, **arguments):
                yield plugin, result

    def call(self, plugin: str, hook: str, **arguments: Any) -> list[Any]:
        """What one plugin's implementation of a hook returns, or nothing when it fails; keeps the failure."""
        results = []
        for implementation in self._implementations(hook):
            if implementation.plugin_name != plugin:
                continue
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                result = implementation.function(**wanted)
                results.append(list(result) if isinstance(result, GeneratorType) else result)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.failures.append(_failure(plugin, self.sources[plugin], hook, error))
        return results

    def implementing(self, hook: str) -> list[str]:
        """The plugins that implement a hook, in the order of registration."""
        return [implementation.plugin_name for implementation in self._implementations(hook)]

    def hooks(self, plugin: str) -> list[str]:
        """The hooks that a plugin implements, sorted."""
        return [hook for hook in self._hooks if plugin in self.implementing(hook)]

    def names(self) -> list[str]:
        """Names of the plugins that loaded."""
        return list(self.sources)

    def fail(self, plugin: str, where: str, cause: str) -> None:
        """Keep a failure of a plugin that loaded."""
        self.failures.append(Failure(plugin, self.sources[plugin], where, cause))

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        return list(getattr(self._manager.hook, hook).get_hookimpls())

    def _meant(self, hook: str) -> str:
        """The hook that a name comes nearest to; kinds have short names too, as in ``diffmine_register_scorers``."""
        from diffmine.plugins.kinds import KINDS

        short = {f"{PREFIX}register_{kind.noun}s": kind.hook for kind in KINDS}
        return did_you_mean(hook, {**short, **{name: name for name in self._hooks}})

    def _never_called(self, plugin: Any) -> Iterator[tuple[str, str]]:
        """(name, cause) of everything that looks like a hook and is none."""
        for name in dir(plugin):
            options = self._manager.parse_hookimpl_opts(plugin, name)
            if options is not None:
                hook = options.get("specname") or name
                if hook not in self._hooks:
                    yield hook, f"{hook} is not a hook{self._meant(hook)}"
            elif name.startswith(PREFIX) and isinstance(getattr(plugin, name, None), FunctionType):
                yield name, f"{name} lacks the decorator @diffmine.hookimpl, so it is never called"


def check_interface(asked: object) -> None:
    """Refuse a plugin that asks for another plugin interface than this one.

    Raises:
        PluginError: it needs a newer one, an older major version, or what it asks for is no version.
    """
    parts = re.fullmatch(r"(\d+)\.(\d+)", asked) if isinstance(asked, str) else None
    if parts is None:
        raise PluginError(f'{INTERFACE_ATTRIBUTE} = {asked!r}: must be a version such as "{interface_version()}"')
    version = int(parts[1]), int(parts[2])
    if version > INTERFACE_VERSION:
        raise PluginError(f"needs interface {asked}; this diffmine has {interface_version()}: upgrade diffmine")
    if version[0] < INTERFACE_VERSION[0]:
        raise PluginError(f"needs interface {asked}; this diffmine has {interface_version()}: upgrade the plugin")


def source_of(entry_point: EntryPoint) -> Source:
    """The distribution of an entry point."""
    distribution = entry_point.dist
    return Source(distribution.name, distribution.version) if distribution else Source("unknown", "unknown")


def _failure(plugin: str, source: Source, where: str, error: BaseException) -> Failure:
    cause = str(error) if isinstance(error, DiffmineError) else f"{type(error).__name__}: {error}"
    return Failure(plugin, source, where, cause, "".join(traceback.format_exception(error)))


def _everybody(entry_point: EntryPoint) -> bool:
    return True


def load_plugins(disabled: frozenset[str], wanted: Callable[[EntryPoint], bool] = _everybody) -> PluginManager:
    """The built-ins and every plugin installed in this environment.

    Args:
        disabled: names of plugins to leave out.
        wanted: which of the others to load.
    """
    manager = PluginManager()
    if BUILTIN not in disabled:
        manager.register(import_module("diffmine.builtin"), BUILTIN, BUILTIN_SOURCE)
    named = _named(entry_points(group=ENTRY_POINT_GROUP), manager)
    for name, entry_point in named:
        if not disabled & {name, entry_point.name} and wanted(entry_point):
            manager.load(entry_point, name)
    known = sorted({BUILTIN, *(name for name, _ in named), *(one.name for _, one in named)})
    for name in sorted(disabled.difference(known)):
        text = f"{DISABLED_VARIABLE}: there is no plugin {name!r}{did_you_mean(name, known)}"
        manager.notes.append(Note("", text))
    return manager


def _named(found: Iterable[EntryPoint], manager: PluginManager) -> list[tuple[str, EntryPoint]]:
    """Each entry point with the name of its plugin: its own, or DISTRIBUTION/NAME where several have that."""
    of_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry_point in sorted(found, key=lambda one: (source_of(one).distribution, one.name)):
        of_name[entry_point.name].append(entry_point)
    named = []
    for name, alike in of_name.items():
        if len(alike) == 1 and name != BUILTIN:
            named.append((name, alike[0]))
            continue
        sources = [*([BUILTIN_SOURCE] if name == BUILTIN else []), *map(source_of, alike)]
        ours = [(f"{source_of(entry_point).distribution}/{name}", entry_point) for entry_point in alike]
        named += ours
        text = f"{' and '.join(map(str, sources))} each have a plugin of this name; "
        text += f"listed here as {' and '.join(repr(called) for called, _ in ours)}"
        manager.notes.append(Note(name, text))
    return named


def disabled_plugins() -> frozenset[str]:
    """The plugins that the environment variable leaves out."""
    names = os.environ.get(DISABLED_VARIABLE, "")
    return frozenset(name.strip() for name in names.split(",") if name.strip())


@cache
def plugin_manager() -> PluginManager:
    """The process's plugins; loaded once."""
    return load_plugins(disabled_plugins())
