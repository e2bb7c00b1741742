"""JSON Schema of recipes over all installed components."""

from __future__ import annotations

from typing import Any, cast

from diffmine.interfaces import Stage
from diffmine.plugins.kinds import KINDS, TABLES, Kind
from diffmine.plugins.registry import Entry, Registry
from diffmine.recipes.reading import Header


def recipe_schema(registry: Registry) -> dict[str, Any]:
    """One schema for editors: each table is one of the installed components' options."""
    definitions: dict[str, Any] = {}
    by_kind: dict[str, list[tuple[str, Entry]]] = {kind.name: [] for kind in KINDS}
    for entry in registry.entries():
        by_kind[entry.kind.name].append((registry.spelling(entry), entry))
    properties = dict(Header.model_json_schema()["properties"])
    properties["extends"] = {"type": "string", "description": "a recipe file whose keys this one's are merged over"}
    for kind in TABLES:
        properties[str(kind.table)] = _table(kind, by_kind[kind.name], definitions)
    for _, entry in by_kind["stages"]:
        if not cast(type[Stage], entry.component).always:
            properties[entry.component.name] = _bare_options(entry, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "diffmine recipe",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def _table(kind: Kind, entries: list[tuple[str, Entry]], definitions: dict[str, Any]) -> dict[str, Any]:
    if not kind.many:
        off = [{"properties": {"use": {"const": "none"}}, "required": ["use"]}] if kind.optional else []
        of_entries = [_options(use, entry, definitions, default=use == kind.default) for use, entry in entries]
        return {"oneOf": [*of_entries, *off]}
    names = [use for use, _ in entries]
    tables = {use: _bare_options(entry, definitions) for use, entry in entries}
    one_or_many = {"oneOf": [{"enum": names}, {"type": "array", "items": {"enum": names}}]}
    return {"type": "object", "properties": {"use": one_or_many, **tables}, "additionalProperties": False}


def _bare_options(entry: Entry, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = entry.component.Config.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(schema.pop("$defs", {}))
    schema["description"] = entry.component.summary()
    # A recipe may leave to its parent (`extends`) what a component requires.
    schema.pop("required", None)
    return schema


def _options(name: str, entry: Entry, definitions: dict[str, Any], *, default: bool) -> dict[str, Any]:
    schema = _bare_options(entry, definitions)
    use = {"const": name, "description": entry.component.summary()}
    schema["properties"] = {"use": use, **schema.get("properties", {})}
    schema["title"] = f"{entry.kind.singular} {name}"
    if not default:
        schema["required"] = ["use"]
    return schema
