"""TOML to a recipe, without any plugin: files, ``extends``, overrides, the shape of the tables.

:mod:`diffmine.recipes.resolving` then checks each table against the component that it names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diffmine.errors import RecipeError, reason
from diffmine.plugins.explaining import did_you_mean, explain, shortened
from diffmine.plugins.kinds import KIND_OF_TABLE, TABLES, TOP_LEVEL, Kind
from diffmine.recipes.requirements import Requirement
from diffmine.recipes.values import check_values

Layer = tuple[Mapping[str, Any], Path]
"""Tables that go over those of a recipe, and the folder against which their relative paths are resolved."""


class Header(BaseModel):
    """What a recipe says outside its tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[\w][\w.-]*$", max_length=100, description="name of the run and of its folder")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of everything random")
    requires: tuple[Requirement, ...] = Field((), description='distributions it needs, as in ["diffmine-ray>=0.3"]')


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe before any plugin has seen it.

    Attributes:
        header: name and seed.
        tables: table name -> options, with ``use`` always present; optional tables only where the recipe has them.
        stages: the tables of other names: options of stages that plugins add.
        folders: table name -> option -> folder of the file that holds the option.
    """

    header: Header
    tables: Mapping[str, Mapping[str, Any]]
    folders: Mapping[str, Mapping[str, Path]]
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_recipe(path: str | Path, overrides: Sequence[str] = (), layers: Sequence[Layer] = ()) -> Recipe:
    """Read a recipe file.

    Args:
        path: a TOML file.
        layers: tables that go over the file's, in order, merged by the rule of ``extends``.
        overrides: ``table.key=value`` settings, merged by the rule of ``extends``; relative paths in them are relative
            to the current folder.
    Raises:
        RecipeError: the file cannot be read, is not TOML, or has unknown tables.
    """
    merged: dict[str, Any] = {}
    folders: dict[str, dict[str, Path]] = {}
    for layer, folder in [*_read_chain(Path(path), ()), *layers, (_overlay(overrides), Path.cwd())]:
        merged, folders = _merge_layer(merged, folders, layer, folder)
    return _to_recipe(merged, folders)


def parse_recipe(tables: Mapping[str, Any], folder: Path | None = None) -> Recipe:
    """A recipe from nested dictionaries, as TOML would give them; relative paths are relative to ``folder``."""
    merged, folders = _merge_layer({}, {}, tables, folder or Path.cwd())
    return _to_recipe(merged, folders)


def _read_chain(path: Path, seen: tuple[Path, ...]) -> list[Layer]:
    try:
        path = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise RecipeError(f"{shortened(str(path))} cannot be the path of a recipe file: {reason(error)}") from None
    if path in seen:
        raise RecipeError(f"{path}: extends itself, by way of {' > '.join(p.name for p in seen)}")
    content = read_toml(path)
    parent = content.pop("extends", None)
    if parent is None:
        return [(content, path.parent)]
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends = {parent!r}: must be the path of a recipe file")
    return [*_read_chain(path.parent / parent, (*seen, path)), (content, path.parent)]


def read_toml(path: Path, what: str = "recipe") -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        RecipeError: it is missing, cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: there is no such {what} file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{shortened(str(path))}: cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:  # of TOML; numbers of thousands of digits; brackets in brackets
        raise RecipeError(f"{path}: not valid TOML: {error}") from None


def _overlay(overrides: Sequence[str]) -> dict[str, Any]:
    overlay: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip().rpartition(".")[2]:
            raise RecipeError(f"--set {override!r}: must be KEY=VALUE, such as patches.size=48")
        place(overlay, key.strip(), _parse_value(text), f"--set {override!r}")
    return overlay


def place(tables: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Put a value at a dotted key, such as ``patches.size``, into nested tables.

    Raises:
        RecipeError: a part of the key was set to a plain value before; the message begins with ``where``.
    """
    *parents, last = key.split(".")
    for parent in parents:
        tables = tables.setdefault(parent, {})
        if not isinstance(tables, dict):
            raise RecipeError(f"{where}: {parent!r} was set to a plain value before")
    tables[last] = value


def _parse_value(text: str) -> Any:
    """A TOML value; what is not one is a plain string, so that quotes are not needed in a shell."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text.strip()


def _merge_layer(
    base: Mapping[str, Any], folders: Mapping[str, Mapping[str, Path]], layer: Mapping[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, dict[str, Path]]]:
    merged = dict(base)
    merged_folders = {table: dict(options) for table, options in folders.items()}
    for key, value in layer.items():
        old = merged.get(key)
        if isinstance(value, Mapping):
            kept = _still_meant(key, old, value) if isinstance(old, Mapping) else {}
            merged[key] = _merge_tables(kept, value)
            earlier = {name: path for name, path in merged_folders.get(key, {}).items() if name in kept}
            merged_folders[key] = {**earlier, **dict.fromkeys(value, folder)}
        else:
            merged[key] = value
    return merged, merged_folders


def _still_meant(table: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that a layer keeps of the one below: all, but for those of components that it names no more."""
    kind = KIND_OF_TABLE.get(table)
    if kind is None or "use" not in new:
        return old
    if kind.many:
        names = new["use"] if isinstance(new["use"], (list, tuple)) else [new["use"]]
        return {name: value for name, value in old.items() if name == "use" or name in names}
    return old if new["use"] == old.get("use", kind.default) else {}


def _merge_tables(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge_tables(cast(Mapping[str, Any], old), value) if both else value
    return merged


def _to_recipe(merged: Mapping[str, Any], folders: Mapping[str, Mapping[str, Path]]) -> Recipe:
    check_values(merged)
    known = [*TOP_LEVEL, *KIND_OF_TABLE]
    for key, value in merged.items():
        if key not in known and not isinstance(value, Mapping):
            raise RecipeError(
                f"{key} = {shortened(value)}: unknown key{did_you_mean(key, known)}\nallowed: {', '.join(known)}"
            )
    header = {key: value for key, value in merged.items() if key in TOP_LEVEL}
    try:
        checked = Header.model_validate(header)
    except ValidationError as error:
        raise RecipeError(explain(error, "recipe", "", Header, header)) from None
    tables = {str(kind.table): _table(kind, merged) for kind in TABLES if not _is_left_out(kind, merged)}
    return Recipe(checked, tables, folders, {key: merged[key] for key in merged if key not in known})


def _is_left_out(kind: Kind, merged: Mapping[str, Any]) -> bool:
    """Whether a recipe does without a table: it has none, or one that says ``use = "none"``."""
    table = merged.get(str(kind.table))
    return kind.optional and (table is None or (isinstance(table, Mapping) and table.get("use") == "none"))


def _table(kind: Kind, merged: Mapping[str, Any]) -> dict[str, Any]:
    table = merged.get(str(kind.table), {})
    if not isinstance(table, Mapping):
        raise RecipeError(f"{kind.table} = {table!r}: must be a table, [{kind.table}]")
    use = table.get("use", kind.default)
    if not use and not kind.many:
        raise RecipeError(f"[{kind.table}] use: this option is required; it names the {kind.singular}")
    several = kind.many and isinstance(use, (list, tuple)) and all(isinstance(name, str) for name in use)
    if not isinstance(use, str) and not several:
        wanted = "a name or a list of names" if kind.many else "one name"
        raise RecipeError(f"[{kind.table}] use = {use!r}: must be {wanted}")
    return {**table, "use": use}
