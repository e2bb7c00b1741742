"""What the reference pages take from the code itself, so that they cannot drift from it.

A page holds a line such as ``<!-- generated: components -->``; when the site is built (this file is a hook of
MkDocs), it is replaced by what the function of that name in ``SECTIONS`` writes. Without MkDocs::

    python docs/generate.py components
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from diffmine.commands.cli import cli
from diffmine.interfaces import OUTSIDE_KEY, Component, PartTable
from diffmine.plugins import hookspecs
from diffmine.plugins.hookspecs import PROJECT
from diffmine.plugins.kinds import KINDS, Kind
from diffmine.plugins.manager import BUILTIN
from diffmine.plugins.registry import Registry, registry
from diffmine.recipes.reading import Header
from diffmine.studies.study_file import StudyOptions
from diffmine.templates.writing import PREFIX

PLAIN = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path", type(None): "", Any: "any"}
SIGNS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "a multiple of {}"}
WORTH_REFERRING = 3
"""From so many options on, a component that repeats another's is described by referring to it."""
REGISTERS = re.compile(r"def diffmine_register_(\w+)")
ROOT = Path(__file__).parent.parent
ROLE = re.compile(r":\w+:`~?([\w.]+)`")


def components(found: Registry | None = None) -> str:
    """Every built-in component: summary, and a table of its options."""
    entries = [entry for entry in (found or registry()).entries() if entry.plugin == BUILTIN]
    lines: list[str] = []
    for kind in KINDS:
        lines += [f"## {title(kind)} {{ #{kind.table or kind.name} }}", "", *_defaults(kind)]
        if kind.interface.Config.model_fields:
            lines += [f"Options of every {kind.singular}:", "", *option_table(kind.interface.Config), ""]
        siblings = [entry.component for entry in entries if entry.kind is kind]
        if not siblings:
            lines += ["None comes with diffmine; plugins add them.", ""]
        siblings.sort(key=lambda sibling: (len(own_options(sibling, kind)), sibling.name))
        for component in siblings:
            lines += _component(component, kind, siblings[: siblings.index(component)])
    return "\n".join(lines)


def title(kind: Kind) -> str:
    """The heading of a kind: with the table that names its components, where a recipe does."""
    plural = kind.name.replace("_", " ")
    return f"`[{kind.table}]`: {plural}" if kind.table else plural.capitalize()


def header() -> str:
    """What a recipe says outside its tables."""
    return "\n".join(option_table(Header))


def study() -> str:
    """What a study file may say."""
    return "\n".join(option_table(StudyOptions))


def hooks() -> str:
    """Every hook: its signature and its docstring."""
    found = [function for _, function in inspect.getmembers(hookspecs, _is_hookspec)]
    found.sort(key=lambda function: function.__code__.co_firstlineno)
    return "\n".join(line for function in found for line in _hook(function))


def commands() -> str:
    """Every command of the command line, with its options."""
    names = ["", *(name for name in cli.commands if cli.commands[name].callback.__module__.startswith("diffmine."))]
    return "\n".join(line for name in names for line in _command(name, cli.commands[name] if name else cli))


def plugins() -> str:
    """The distributions that are developed with diffmine: what each is, and what it registers."""
    rows = []
    for file in sorted((ROOT / "plugins").glob(f"{PREFIX}*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        sources = [path.read_text(encoding="utf-8") for path in file.parent.rglob("*.py")]
        hooks = sorted({hook for text in sources for hook in REGISTERS.findall(text)})
        kinds = ", ".join(hook.replace("_", " ") for hook in hooks)
        rows.append((f"`{project['name']}`", project["version"], project["description"], kinds))
    return "\n".join(table(["distribution", "version", "", "adds"], rows))


SECTIONS = {
    "components": components,
    "header": header,
    "study": study,
    "hooks": hooks,
    "commands": commands,
    "plugins": plugins,
}
MARKER = re.compile(r"(?:^In a clone .*\n\n)?<!-- generated: (\w+) -->", re.MULTILINE)
"""With the line before it, which tells readers of a clone where the rest is."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return MARKER.sub(lambda match: SECTIONS[match[1]](), markdown)


def _defaults(kind: Kind) -> list[str]:
    if kind.table is None:
        return [prose(inspect.getdoc(kind.interface)).partition("\n\n")[0], ""]
    if not kind.default:
        return ["Default: none." if kind.many else "A recipe must name one.", ""]
    names = [kind.default] if isinstance(kind.default, str) else kind.default
    several = f" `use` may be a list; options of one component go into `[{kind.table}.NAME]`." if kind.many else ""
    return [f"Default: {', '.join(f'`{name}`' for name in names)}.{several}", ""]


def _component(component: type[Component], kind: Kind, before: Sequence[type[Component]]) -> list[str]:
    own = own_options(component, kind)
    lines = [f"### `{component.name}`", "", prose(component.__doc__), ""]
    for sibling in before:
        inherited = own_options(sibling, kind)
        if len(inherited) >= WORTH_REFERRING and inherited.items() <= own.items():
            lines += [f"The options of [`{sibling.name}`](#{sibling.name}){', and:' if own != inherited else '.'}", ""]
            own = {name: text for name, text in own.items() if name not in inherited}
            if not own:
                return lines
            break
    if not own:
        return [*lines, "No options of its own." if kind.interface.Config.model_fields else "No options.", ""]
    return [*lines, *option_table(component.Config, own), ""]


def own_options(component: type[Component], kind: Kind) -> dict[str, str]:
    """What a component adds to the options of its kind: name -> all about it, to be compared."""
    shared = {name: repr(field) for name, field in kind.interface.Config.model_fields.items()}
    fields = {name: repr(field) for name, field in component.Config.model_fields.items()}
    return {name: text for name, text in fields.items() if text != shared.get(name)}


def option_table(config: type[BaseModel], names: Iterable[str] | None = None) -> list[str]:
    """A Markdown table of a model's fields; nested tables follow with dotted names."""
    rows = [_cells(name, field) for name, field in _fields(config, None if names is None else set(names))]
    return table(["option", "type", "default", ""], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *escaped]]


def _fields(config: type[BaseModel], names: set[str] | None, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in config.model_fields.items():
        if names is None or name in names:
            yield prefix + name, field
            for nested in _nested(field.annotation):
                yield from _fields(nested, None, f"{prefix}{name}.")


def _cells(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    if field.is_required():
        default = "required"
    elif field.default is None or field.default is PydanticUndefined:
        default = ""
    else:
        default = f"`{toml(field.default)}`"
    kind = " ".join(part for part in (type_name(field.annotation), limits(field.metadata)) if part)
    quiet = OUTSIDE_KEY in field.metadata and _is_number(field.annotation)
    return f"`{name}`", kind, default, (field.description or "") + (" †" if quiet else "")


def type_name(annotation: Any) -> str:
    """An annotation in words."""
    if annotation == PartTable:
        return "component"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join(part for part in (type_name(arguments[0]), limits(arguments[1:])) if part)
    if origin is Literal:
        return ", ".join(f"`{toml(value)}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(name for name in map(type_name, arguments) if name)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"list of {len(arguments)}: {type_name(arguments[0])}"
    if origin in (tuple, list):
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"table of {type_name(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return PLAIN[annotation]


def limits(metadata: Sequence[Any]) -> str:
    """The bounds among an annotation's metadata, in signs."""
    found = [SIGNS[sign].format(getattr(one, sign)) for one in metadata for sign in SIGNS if hasattr(one, sign)]
    return ", ".join(found)


def toml(value: Any) -> str:
    """A default as a recipe would write it."""
    if isinstance(value, tuple):
        return f"[{', '.join(toml(member) for member in value)}]"
    return str(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)


def _nested(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _nested(argument)]


def _is_number(annotation: Any) -> bool:
    return bool({annotation, *get_args(annotation)} & {int, float, bool})


def _is_hookspec(value: Any) -> bool:
    return inspect.isfunction(value) and hasattr(value, f"{PROJECT}_spec")


def _hook(function: Any) -> list[str]:
    signature = str(inspect.signature(function)).replace("'", "")
    text = re.sub(r"\n\s*Args:\n", "\n\nArguments:\n\n", inspect.getdoc(function) or "")
    text = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return [f"## `{function.__name__}` {{ #{function.__name__} }}", "", f"`{signature}`", "", prose(text), ""]


def _command(name: str, command: click.Command) -> list[str]:
    with click.Context(command, info_name=f"diffmine {name}".strip()) as context:
        usage = command.get_usage(context).removeprefix("Usage: ")
        rows = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    title = f"diffmine {name}".strip()
    options = table(["option", ""], [(f"`{option}`", text) for option, text in rows])
    return [f"## `{title}`", "", f"`{usage}`", "", prose(command.help), "", *options, ""]


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: double backticks and roles become code."""
    text = inspect.cleandoc(docstring or "")
    return ROLE.sub(r"`\1`", text).replace("``", "`")


if __name__ == "__main__":
    print("\n\n".join(SECTIONS[name]() for name in sys.argv[1:] or SECTIONS))
