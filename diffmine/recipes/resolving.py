"""A recipe to configured components: each table is checked against the class that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import tomli_w

from diffmine.errors import RecipeError
from diffmine.interfaces import (
    Clusterer,
    Component,
    ConditioningEncoder,
    Dataset,
    DiffusionModel,
    Executor,
    FeatureExtractor,
    Finetuner,
    Metric,
    PatchSelector,
    Projection,
    Report,
    TypicalityScorer,
)
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.kinds import KINDS, Kind
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import Recipe
from diffmine.recipes.requirements import check_installed


@dataclass(frozen=True, slots=True)
class Components:
    """The configured components of a run, one for each table; field names are table names."""

    dataset: Dataset
    model: DiffusionModel
    conditioning: ConditioningEncoder
    finetune: Finetuner
    scorer: TypicalityScorer
    patches: PatchSelector
    features: FeatureExtractor
    projection: Projection
    clusterer: Clusterer
    metrics: tuple[Metric, ...]
    executor: Executor
    report: tuple[Report, ...]

    def describe(self) -> dict[str, Any]:
        """The tables of the resolved recipe, with every default filled in."""
        return {field.name: _describe(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe whose every table has been checked."""

    name: str
    seed: int
    components: Components
    requires: tuple[str, ...] = ()

    def to_toml(self) -> str:
        """The recipe with every default filled in; loading it gives the same run."""
        requires = {"requires": list(self.requires)} if self.requires else {}
        return tomli_w.dumps({"name": self.name, "seed": self.seed, **requires, **self.components.describe()})


def resolve(recipe: Recipe, registry: Registry) -> Resolved:
    """Check every table against the component that it names, and configure the components.

    Raises:
        RecipeError: with table, field, value and what is allowed.
    """
    check_installed(recipe.header.requires)
    built = {kind.table: build_table(kind, recipe, registry) for kind in KINDS}
    components = Components(**cast(dict[str, Any], built))
    return Resolved(recipe.header.name, recipe.header.seed, components, recipe.header.requires)


def build_table(kind: Kind, recipe: Recipe, registry: Registry) -> Component | tuple[Component, ...]:
    """Check one table, and configure what it names; a tuple where the kind may be named several times.

    Raises:
        RecipeError: as :func:`resolve`.
    """
    built = tuple(registry.build(kind, one.use, one.options, one.folders) for one in named_in(kind, recipe))
    return built if kind.many else built[0]


@dataclass(frozen=True, slots=True)
class Named:
    """A component as a table names it.

    Attributes:
        use: its name.
        options: its options.
        folders: option -> folder of the recipe file that holds it.
    """

    use: str
    options: Mapping[str, Any]
    folders: Mapping[str, Path]


def named_in(kind: Kind, recipe: Recipe) -> list[Named]:
    """What a recipe's table names, one or several; nothing is looked up.

    Raises:
        RecipeError: the table of a kind that may be named several times holds options of something it does not name.
    """
    table = recipe.tables[kind.table]
    folders = recipe.folders.get(kind.table, {})
    options = {key: value for key, value in table.items() if key != "use"}
    if not kind.many:
        return [Named(table["use"], options, folders)]
    names = [table["use"]] if isinstance(table["use"], str) else list(table["use"])
    for key, value in options.items():
        if key not in names or not isinstance(value, Mapping):
            raise RecipeError(
                f"[{kind.table}] {key} = {value!r}: unknown option{did_you_mean(key, names)}\n"
                f"allowed: a table [{kind.table}.NAME] for one of the names in use: {', '.join(names)}"
            )
    return [
        Named(name, options.get(name, {}), dict.fromkeys(options.get(name, {}), folders.get(name, Path())))
        for name in names
    ]


def _describe(component: Component | tuple[Component, ...]) -> dict[str, Any]:
    if isinstance(component, Component):
        return component.describe()
    tables = [part.describe() for part in component]
    options = {table["use"]: {key: value for key, value in table.items() if key != "use"} for table in tables}
    return {"use": [table["use"] for table in tables], **{name: table for name, table in options.items() if table}}
