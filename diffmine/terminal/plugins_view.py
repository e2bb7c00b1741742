"""What ``diffmine plugins`` prints."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from diffmine.plugins.manager import BUILTIN
from diffmine.terminal.console import print_warning
from diffmine.terminal.glyphs import visible
from diffmine.terminal.rich_tables import heading
from diffmine.version import interface_version

if TYPE_CHECKING:
    from diffmine.plugins.registry import Entry, Registry

REGISTERS = "diffmine_register_"


def print_plugins(console: Console, registry: Registry) -> None:
    """Installed components by kind, what else plugins do, and what failed."""
    entries = list(registry.entries())
    longest = max((len(registry.spelling(entry)) for entry in entries), default=0)
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        console.print(heading(f"[{kind.table}]", f"{kind.singular}s") if kind.table else heading(kind.name))
        table = _table(longest)
        for entry in group:
            table.add_row(_cell(registry.spelling(entry)), _about(entry))
        console.print(table)
    strangers = [plugin for plugin in registry.plugins.names() if plugin != BUILTIN]
    if strangers:
        console.print(heading("plugins", f"this diffmine has interface {interface_version()}"))
        table = _table(longest)
        for plugin in strangers:
            table.add_row(_cell(plugin), _of_plugin(plugin, registry))
        console.print(table)
    for told in (*registry.failures, *(note for note in registry.plugins.notes if note.plugin)):
        print_warning(console, visible(" ".join(str(told).split())))


def _table(longest: int) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(min_width=longest + 2, no_wrap=True)
    table.add_column()
    return table


def _cell(name: str) -> Text:
    return Text(f"  {visible(name)}", style="cyan")


def _about(entry: Entry) -> Text:
    """What the component is and, of those that do not come with diffmine, from where."""
    text = Text(visible(entry.component.summary()))
    if entry.plugin != BUILTIN:
        text.append(f"  {visible(str(entry.source))}", style="magenta")
    return text


def _of_plugin(plugin: str, registry: Registry) -> Text:
    """Where a plugin comes from, and what it does beside registering components."""
    plugins = registry.plugins
    text = Text(visible(str(plugins.sources[plugin])), style="magenta")
    about = [f"interface {plugins.interfaces[plugin]}"]
    if follows := [hook for hook in plugins.hooks(plugin) if not hook.startswith(REGISTERS)]:
        about.append(f"hooks {', '.join(follows)}")
    if commands := plugins.commands.get(plugin):
        about.append(f"commands {', '.join(commands)}")
    text.append(f"  {visible(' · '.join(about))}", style="dim")
    return text


def plugins_json(registry: Registry) -> str:
    """The same for machines."""
    plugins = registry.plugins
    components = [
        {
            "kind": entry.kind.name,
            "name": entry.component.name,
            "use": registry.spelling(entry),
            "summary": entry.component.summary(),
            "plugin": entry.plugin,
            "distribution": entry.source.distribution,
            "version": entry.source.version,
        }
        for entry in registry.entries()
    ]
    loaded = [
        {
            "plugin": plugin,
            "distribution": source.distribution,
            "version": source.version,
            "interface": plugins.interfaces[plugin],
            "hooks": plugins.hooks(plugin),
            "commands": plugins.commands.get(plugin, []),
        }
        for plugin, source in plugins.sources.items()
    ]
    failures = [
        {
            "plugin": failure.plugin,
            "distribution": failure.source.distribution,
            "version": failure.source.version,
            "where": failure.where,
            "cause": failure.cause,
        }
        for failure in registry.failures
    ]
    listed: dict[str, Any] = {
        "interface": interface_version(),
        "components": components,
        "plugins": loaded,
        "failures": failures,
        "notes": [str(note) for note in plugins.notes],
    }
    return json.dumps(listed, indent=1, ensure_ascii=False)
