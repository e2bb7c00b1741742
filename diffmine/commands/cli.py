"""The command line: a thin layer over the library. Heavy imports stay inside the commands."""

from __future__ import annotations

import os
import sys
import traceback
from copy import copy

import click

from diffmine.commands import (
    check,
    clean,
    compare,
    export,
    figure,
    init,
    new_plugin,
    plugins,
    report,
    run,
    schema,
    show,
    story,
    study,
    test_plugin,
    tune,
    view,
)
from diffmine.commands.plugin_commands import add_plugin_commands
from diffmine.errors import DiffmineError, said
from diffmine.files.room import is_full_disk
from diffmine.plugins.manager import PluginManager, disabled_plugins, load_plugins, plugin_manager
from diffmine.plugins.peeking import may_add_commands
from diffmine.version import __version__

COMMANDS = (
    init,
    run,
    check,
    show,
    view,
    report,
    story,
    figure,
    export,
    tune,
    study,
    compare,
    plugins,
    new_plugin,
    test_plugin,
    schema,
    clean,
)
INTERRUPTED = 130
NO_ROOM_ADVICE = "; make room there, and the same command goes on"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="diffmine")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show the whole traceback of an error.")
@click.pass_context
def cli(context: click.Context, show_traceback: bool) -> None:
    """Point it at labelled pictures; it finds the details that set each label apart.

    diffmine finetunes a conditional diffusion model on the pictures and mines the patches that knowing the label helps
    to denoise. Start with:  diffmine run recipes/quickstart.toml
    """
    context.ensure_object(dict)["traceback"] = show_traceback


for module in COMMANDS:
    cli.add_command(module.command)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the ``diffmine`` command; ends the process with its exit code."""
    # Libraries draw bars of their own into our view; this is how tqdm, which they use, is told not to.
    os.environ.setdefault("TQDM_DISABLE", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    state: dict[str, bool] = {}
    try:
        whole = _with_plugins(arguments)
        code = whole.main(args=_hoist_traceback(arguments), prog_name="diffmine", standalone_mode=False, obj=state)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted: what was finished is kept; the same command goes on from there", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        sys.exit(_report(error, show_traceback=state.get("traceback", False)))
    if code:
        sys.exit(code)


def _with_plugins(arguments: list[str]) -> click.Group:
    """The command line with the commands of plugins; says what is wrong in how they are chosen."""
    plugins = _plugins(arguments)
    whole = copy(cli)
    whole.commands = dict(cli.commands)
    add_plugin_commands(whole, plugins)
    for note in plugins.notes:
        if not note.plugin:
            click.secho(f"warning: {note}", fg="yellow", err=True)
    return whole


def _plugins(arguments: list[str]) -> PluginManager:
    """The plugins that the arguments call for: help and version need only those that may add commands."""
    if not arguments or arguments[0] in ("-h", "--help", "--version"):
        return load_plugins(disabled_plugins(), wanted=may_add_commands)
    return plugin_manager()


def _hoist_traceback(arguments: list[str]) -> list[str]:
    """``--traceback`` may stand anywhere on the line."""
    others = [argument for argument in arguments if argument != "--traceback"]
    return others if len(others) == len(arguments) else ["--traceback", *others]


def _report(error: Exception, *, show_traceback: bool) -> int:
    """Say what went wrong on one screen; the exit code."""
    if show_traceback:
        traceback.print_exception(error)
    sentence = _sentence(error)
    text = sentence if sentence is not None else f"{said(error)}\n{_whose(error)}"
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(text, err=True)
    if not show_traceback and (error.__cause__ is not None or not isinstance(error, DiffmineError)):
        click.secho("add --traceback to see where", dim=True, err=True)
    return error.exit_code if isinstance(error, DiffmineError) else 1


def _sentence(error: Exception) -> str | None:
    """What an error says that is nobody's bug; None where it is somebody's."""
    if isinstance(error, DiffmineError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        advice = NO_ROOM_ADVICE if is_full_disk(error) else ""
        return f"{error.filename2 or error.filename}: {error.strerror.lower()}{advice}"
    return None


def _whose(error: Exception) -> str:
    from diffmine.interfaces.boundary import culprit_of

    culprit = culprit_of(error)
    return f"this came out of {culprit}" if culprit else "this is a bug in diffmine"
