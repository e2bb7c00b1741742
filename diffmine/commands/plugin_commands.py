"""Commands that plugins add, and what they may not do to those that are there."""

from __future__ import annotations

import click

from diffmine.plugins.manager import PluginManager
from diffmine.plugins.peeking import COMMANDS_HOOK


def add_plugin_commands(cli: click.Group, plugins: PluginManager) -> None:
    """Let each plugin add its commands; what would replace or remove a command is undone, and a failure of the plugin.

    Who added what is in ``plugins.commands``.
    """
    for plugin in plugins.implementing(COMMANDS_HOOK):
        before = dict(cli.commands)
        plugins.call(plugin, COMMANDS_HOOK, cli=cli)
        for name, command in before.items():
            if cli.commands.get(name) is not command:
                cli.commands[name] = command
                owner = _owner(name, plugins)
                plugins.fail(plugin, COMMANDS_HOOK, f"may not replace the command {name!r} of {owner}; rename its own")
        plugins.commands[plugin] = [name for name in cli.commands if name not in before]


def _owner(command: str, plugins: PluginManager) -> str:
    owners = (f"plugin {plugin!r}" for plugin, names in plugins.commands.items() if command in names)
    return next(owners, "diffmine")
