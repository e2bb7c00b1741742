"""What there is, is documented; what is documented, there is."""

from __future__ import annotations

import importlib.util
import inspect
import re
from copy import copy
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

from diffmine.commands.cli import cli
from diffmine.commands.plugin_commands import add_plugin_commands
from diffmine.plugins import hookspecs
from diffmine.plugins.kinds import KIND_OF_TABLE, TABLES
from diffmine.plugins.manager import BUILTIN, plugin_manager
from diffmine.plugins.registry import Entry, registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
ENTRIES = list(registry().entries())
BUILTINS = [entry for entry in ENTRIES if entry.plugin == BUILTIN]
HOOKS = [name for name, value in inspect.getmembers(hookspecs) if hasattr(value, f"{hookspecs.PROJECT}_spec")]
INLINE = re.compile(r"`([^`\n]+)`")
FILES = ("csv", "json", "parquet", "py", "toml")
SETTING = re.compile(r"\b(\w+)\.(\w+)(?=[\s=.]|$)")


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def section(name: str) -> str:
    text: str = generator().SECTIONS[name]()
    return text


def test_every_generated_section_has_its_place() -> None:
    used = [name for text in PAGES.values() for name in generator().MARKER.findall(text)]
    assert sorted(used) == sorted(generator().SECTIONS)


@pytest.mark.parametrize("entry", BUILTINS, ids=lambda entry: f"{entry.kind.name}-{entry.component.name}")
def test_components_and_their_options_are_described(entry: Entry) -> None:
    of_kind = section("components").partition(f"## {generator().title(entry.kind)} ")[2].partition("\n## ")[0]
    assert f"### `{entry.component.name}`" in of_kind
    assert len(entry.component.summary().split()) > 2
    for name, field in entry.component.Config.model_fields.items():
        assert f"| `{name}` |" in of_kind
        assert field.description, f"{entry.component.__name__}.Config.{name} says nothing about itself"
    if entry.kind.table is None:
        return
    row = next(line for line in README.splitlines() if line.startswith(f"| `[{entry.kind.table}]` |"))
    assert f"`{entry.component.name}`" in row, "add it to README's table of components"


def test_readme_names_no_component_that_is_gone() -> None:
    rows = {line.split("|")[1].strip(" `[]"): line for line in README.splitlines() if line.startswith("| `[")}
    assert list(rows) == [kind.table for kind in TABLES]
    for table, row in rows.items():
        known = {entry.component.name for entry in BUILTINS if entry.kind.table == table}
        assert set(INLINE.findall(row.split("|")[2])) == known


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_described(hook: str) -> None:
    assert f"## `{hook}`" in section("hooks")
    assert inspect.getdoc(getattr(hookspecs, hook))


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_commands_and_their_options_are_described(name: str) -> None:
    command = cli.commands[name]
    text = section("commands").partition(f"## `diffmine {name}`\n")[2].partition("\n## ")[0]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help
            assert all(one in text for one in (*option.opts, *option.secondary_opts))


@pytest.mark.parametrize("page", PAGES)
def test_settings_in_the_text_exist(page: str) -> None:
    """``finetune.steps`` and the like; options of commands as well."""
    whole = copy(cli)
    whole.commands = dict(cli.commands)
    add_plugin_commands(whole, plugin_manager())
    known = {
        "--help",
        *(one for command in whole.commands.values() for option in command.params for one in option.opts),
    }
    for code in INLINE.findall(PAGES[page]):
        for table, option in SETTING.findall(code):
            if table in KIND_OF_TABLE and option not in FILES:
                components = [entry.component for entry in ENTRIES if entry.kind.name == KIND_OF_TABLE[table].name]
                options = {name for one in components for name in (one.name, *one.Config.model_fields)}
                assert option in {"use", *options}, f"{page}: there is no option {table}.{option}"
        if code.startswith(("diffmine ", "--")):
            assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", code)) <= known, f"{page}: {code}"


@pytest.mark.parametrize(("folder", "page"), [("recipes/studies", "studies.md"), ("benchmarks", "benchmarks.md")])
def test_studies_and_benchmarks_are_listed(folder: str, page: str) -> None:
    files = [path for path in (ROOT / folder).iterdir() if path.suffix == ".toml" or is_script(path)]
    assert files
    for path in files:
        assert f"{folder}/{path.name}" in PAGES[f"docs/{page}"]


def is_script(path: Path) -> bool:
    return path.suffix == ".py" and "__main__" in path.read_text(encoding="utf-8")
