"""Whose fault an exception is: the component, and the plugin and distribution that it came with."""

from __future__ import annotations

from collections.abc import Iterator

from diffmine.errors import Origin
from diffmine.interfaces import Stage
from diffmine.interfaces.boundary import Culprit, culprit_of
from diffmine.plugins.manager import BUILTIN
from diffmine.plugins.registry import Entry, Registry


def origin_of(error: BaseException, stage: Stage, registry: Registry) -> Origin | None:
    """The component whose boundary an exception crossed first; else the stage, whose own code it came out of.

    None: a built-in stage, so that it is diffmine's own.
    """
    culprit = culprit_of(error) or Culprit("Stage", stage.name, type(stage).__module__)
    entry = next(_candidates(culprit, registry), None)
    if entry is not None and entry.kind.name == "stages" and entry.plugin == BUILTIN:
        return None
    if entry is None:
        return Origin(culprit.kind, culprit.name, culprit.module)
    return Origin(culprit.kind, culprit.name, entry.plugin, entry.source.distribution, entry.source.version)


def _candidates(culprit: Culprit, registry: Registry) -> Iterator[Entry]:
    """The registered class itself; else, for one that another component made, what comes from the same package."""
    entries = list(registry.entries())
    for entry in entries:
        same = (entry.kind.interface.__name__, entry.component.name) == (culprit.interface, culprit.name)
        if same and entry.component.__module__ == culprit.module:
            yield entry
    package = culprit.module.partition(".")[0]
    yield from (entry for entry in entries if entry.component.__module__ == culprit.module)
    yield from (entry for entry in entries if entry.component.__module__.partition(".")[0] == package)
