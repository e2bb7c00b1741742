"""What ``diffmine plugins`` prints."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from diffmine.plugins.manager import BUILTIN
from diffmine.terminal.console import print_warning
from diffmine.terminal.glyphs import visible
from diffmine.terminal.rich_tables import heading

if TYPE_CHECKING:
    from diffmine.plugins.registry import Entry, Registry


def print_plugins(console: Console, registry: Registry) -> None:
    """Installed components by kind, and what failed."""
    entries = list(registry.entries())
    longest = max((len(entry.component.name) for entry in entries), default=0)
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        console.print(heading(f"[{kind.table}]", f"{kind.singular}s"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(min_width=longest + 2, no_wrap=True)
        table.add_column()
        for entry in group:
            table.add_row(Text(f"  {visible(entry.component.name)}", style="cyan"), _about(entry))
        console.print(table)
    for failure in registry.failures:
        print_warning(console, f"plugin {failure.plugin!r} failed ({failure.where}): {failure.cause}")


def _about(entry: Entry) -> Text:
    """What the component is and, of those that do not come with diffmine, from where."""
    text = Text(visible(entry.component.summary()))
    if entry.plugin != BUILTIN:
        text.append(f"  {entry.source.distribution} {entry.source.version}", style="magenta")
    return text


def plugins_json(registry: Registry) -> str:
    """The same for machines."""
    components = [
        {
            "kind": entry.kind.name,
            "name": entry.component.name,
            "summary": entry.component.summary(),
            "plugin": entry.plugin,
            "distribution": entry.source.distribution,
            "version": entry.source.version,
        }
        for entry in registry.entries()
    ]
    failures = [{"plugin": f.plugin, "where": f.where, "cause": f.cause} for f in registry.failures]
    return json.dumps({"components": components, "failures": failures}, indent=1, ensure_ascii=False)
