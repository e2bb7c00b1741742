"""A recipe to configured components: each table is checked against the class that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import tomli_w

from diffmine.errors import MissingComponentError, RecipeError
from diffmine.interfaces import (
    Check,
    Clusterer,
    Component,
    ConditioningEncoder,
    Dataset,
    Describer,
    DiffusionModel,
    Executor,
    FeatureExtractor,
    Finetuner,
    Metric,
    PatchSelector,
    Projection,
    Report,
    Stage,
    TypicalityScorer,
)
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.kinds import KIND_OF_NAME, KIND_OF_TABLE, TABLES, TOP_LEVEL, Kind
from diffmine.plugins.manager import BUILTIN
from diffmine.plugins.registry import Registry
from diffmine.recipes.order import in_order
from diffmine.recipes.reading import Recipe
from diffmine.recipes.requirements import check_installed, distribution_of, is_installed
from diffmine.types import Origin

MODEL_TABLES = ("model", "conditioning", "finetune")
IN_DATASET_ONLY = (
    "holdout",
    "validation",
    "folds",
    "mine",
    "mine_per_label",
    "shuffle_labels",
    "order",
    "neighbours",
    "hierarchy",
)
"""Options of ``[dataset]`` that say nothing in ``[training]``, whose pictures are all learned from."""


@dataclass(frozen=True, slots=True)
class Components:
    """The configured components of a run, one for each table; field names are table names.

    Attributes:
        training: the pictures to learn from, where they are others than those that are mined.
        stages: the steps of the run, in order.
    """

    dataset: Dataset
    training: Dataset | None
    model: DiffusionModel
    conditioning: ConditioningEncoder
    finetune: Finetuner
    scorer: TypicalityScorer
    patches: PatchSelector
    features: FeatureExtractor
    projection: Projection
    clusterer: Clusterer
    metrics: tuple[Metric, ...]
    describers: tuple[Describer, ...]
    checks: tuple[Check, ...]
    executor: Executor
    report: tuple[Report, ...]
    stages: tuple[Stage, ...]

    @property
    def needs_model(self) -> bool:
        """Whether anything in the recipe uses the diffusion model."""
        parts = (self.scorer, self.patches, self.features, *self.metrics, *self.describers, *self.checks, *self.stages)
        return any(part.needs_model for part in parts)

    @property
    def unused(self) -> tuple[str, ...]:
        """Tables whose components nothing in the recipe uses."""
        return () if self.needs_model else MODEL_TABLES

    @property
    def datasets(self) -> dict[Origin, Dataset]:
        """The recipe's tables of pictures, by the origin of the pictures that each lists."""
        return {"dataset": self.dataset, **({"training": self.training} if self.training else {})}

    @property
    def trained_on(self) -> Dataset:
        """Where the pictures are listed that the model learns from."""
        return self.training or self.dataset

    @property
    def folds(self) -> tuple[int | None, ...]:
        """The folds of the training pictures, for each of which there is a model; None: one model, and no folds."""
        count = self.dataset.config.folds
        return (None,) if count == 1 else tuple(range(count))

    def of_table(self, table: str) -> tuple[Component, ...]:
        """The components that a table of the recipe names; none where the recipe does without the table."""
        found = getattr(self, table)
        return found if isinstance(found, tuple) else (found,) if found else ()

    def all(self) -> Iterator[Component]:
        """Every component, their parts too."""
        pending: list[Component] = [part for kind in TABLES for part in self.of_table(str(kind.table))]
        pending += self.stages
        while pending:
            part = pending.pop(0)
            yield part
            pending += part.parts

    def describe(self) -> dict[str, Any]:
        """The tables of the resolved recipe, with every default filled in; without those that nothing uses."""
        tables = [str(kind.table) for kind in TABLES if kind.table not in self.unused]
        tables = [table for table in tables if getattr(self, table) is not None]
        chosen = {table: _describe(getattr(self, table)) for table in tables}
        if self.training is not None:
            chosen["training"] = {key: value for key, value in chosen["training"].items() if key not in IN_DATASET_ONLY}
        return {**chosen, **{stage.name: stage.options() for stage in self.stages if not stage.always}}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe whose every table has been checked."""

    name: str
    seed: int
    components: Components
    requires: tuple[str, ...] = ()

    def to_toml(self) -> str:
        """The recipe with every default filled in; loading it gives the same run."""
        found = [*self.requires, *self._brought()]
        requires = {"requires": found} if found else {}
        return tomli_w.dumps({"name": self.name, "seed": self.seed, **requires, **self.components.describe()})

    def _brought(self) -> Iterator[str]:
        """The distributions of plugins whose components the recipe names, as requirements, where it does not say so."""
        parts = [part.provenance for part in self.components.all() if part.provenance]
        versions = {one.distribution: one.version for one in parts if one.plugin != BUILTIN}
        said = {distribution_of(text) for text in self.requires}
        for distribution in sorted(versions.keys() - said):
            if is_installed(distribution):
                yield f"{distribution}>={versions[distribution]}"


def resolve(recipe: Recipe, registry: Registry) -> Resolved:
    """Check every table against the component that it names, and configure the components.

    Raises:
        RecipeError: with table, field, value and what is allowed.
    """
    check_installed(recipe.header.requires)
    built: dict[str, Any] = {
        str(kind.table): build_table(kind, recipe, registry) if kind.table in recipe.tables else None for kind in TABLES
    }
    stages = build_stages(recipe, registry)
    components = Components(**built, stages=stages)
    components = replace(components, stages=in_order(stages, components))
    _check_training(components)
    for part in components.all():
        part.check_recipe(components)
    return Resolved(recipe.header.name, recipe.header.seed, components, recipe.header.requires)


def _check_training(components: Components) -> None:
    """Refuse options that say nothing where the pictures to learn from have a table of their own."""
    if components.training is None:
        return
    refused = {"training": IN_DATASET_ONLY, "dataset": ("folds",)}
    for table, options in refused.items():
        dataset: Dataset = getattr(components, table)
        for option in options:
            value = getattr(dataset.config, option)
            if value != type(dataset.config).model_fields[option].default:
                raise RecipeError(
                    f"[{table}] {option} = {value!r}: with [training], all of its pictures are learned from and all "
                    f"others are held out; leave {option} out, or [training]"
                )


def build_stages(recipe: Recipe, registry: Registry) -> tuple[Stage, ...]:
    """The stages that every recipe has, and those whose tables this one has.

    Raises:
        MissingComponentError: a table is neither a kind of component nor a stage.
    """
    kind = KIND_OF_NAME["stages"]
    optional = [name for name in registry.names(kind) if not _stage_class(registry, name).always]
    known = [*TOP_LEVEL, *KIND_OF_TABLE, *optional]
    for table in recipe.stages:
        if table not in optional:
            text = f"[{table}]: unknown table{did_you_mean(table, known)}\nallowed: {', '.join(known)}"
            raise MissingComponentError(table, table, text)
    names = [name for name in registry.names(kind) if name not in optional or name in recipe.stages]
    folders = {name: recipe.folders.get(name, {}) for name in names}
    built = [registry.build(kind, name, recipe.stages.get(name, {}), folders[name]) for name in names]
    return tuple(sorted(cast(list[Stage], built), key=lambda stage: _turn(stage, registry)))


def _stage_class(registry: Registry, name: str) -> type[Stage]:
    return cast(type[Stage], registry.find(KIND_OF_NAME["stages"], name).component)


def _turn(stage: Stage, registry: Registry) -> tuple[bool, bool, int]:
    """Built-in stages in the order in which they are registered, those of plugins in front of the reports."""
    entry = registry.find(KIND_OF_NAME["stages"], stage.name)
    of_plugin = entry.plugin != BUILTIN
    return stage.concludes, of_plugin != stage.concludes, registry.position(entry)


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
    table = recipe.tables[str(kind.table)]
    folders = recipe.folders.get(str(kind.table), {})
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
