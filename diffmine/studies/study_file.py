"""TOML to the runs of a study.

A study file names a base recipe and what is varied::

    name = "clusterers"
    recipe = "../quickstart.toml"        # relative to this file
    seeds = [1, 2, 3]

    [base.dataset]                       # optional: tables over the recipe's, for every run
    per_label = 60

    [variants.kmeans]                    # an empty variant is the base itself
    [variants.hdbscan.clusterer]
    use = "hdbscan"

    [grid]
    "patches.size" = [12, 16, 24]

Every variant is run at every point of the grid with every seed. Tables are merged by the rule of ``extends``.

A study may itself extend another, to ask the same of another recipe::

    extends = "methods.toml"
    name = "methods-scenes"
    recipe = "../scenes.toml"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diffmine.errors import RecipeError
from diffmine.plugins.explaining import explain
from diffmine.recipes.reading import Layer, Recipe, load_recipe, place, read_toml
from diffmine.studies.points import Point, point_name

NAME = r"^[\w][\w.-]*$"


class StudyOptions(BaseModel):
    """What a study file may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    extends: str | None = Field(
        None, description="a study whose keys hold where this one says nothing; its tables lie below this one's"
    )
    without: tuple[str, ...] = Field(
        (), description="variants of the study that is extended, which this one leaves out"
    )
    name: str = Field(pattern=NAME, max_length=40, description="name of the study and of its folder")
    description: str = Field("", description="what the study asks, for its results")
    recipe: str = Field(min_length=1, description="the base recipe, relative to the study file")
    base: dict[str, Any] = Field({}, description="tables over the recipe's, for every run")
    variants: dict[Annotated[str, Field(pattern=NAME, max_length=40)], dict[str, Any]] = Field(
        {}, description="name -> tables over the base's; none: the base alone"
    )
    grid: dict[str, Any] = Field({}, description="dotted key, such as patches.size -> values to sweep over")
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63)], ...] = Field(
        (), description="seeds to repeat every run with; none: the recipe's"
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A study file and the folder that its paths are relative to."""

    options: StudyOptions
    folder: Path

    def inherited(self) -> dict[str, Any]:
        """What a file that extends this one need not say again, besides tables."""
        options = self.options
        recipe = str(self.folder / options.recipe)
        return {"name": options.name, "description": options.description, "recipe": recipe, "seeds": options.seeds}


@dataclass(frozen=True, slots=True)
class Study:
    """A study whose recipes have been read.

    Attributes:
        name, description: as the file says.
        points: the runs, by variant, grid point and seed.
        content: of the file.
    """

    name: str
    description: str
    points: tuple[Point, ...]
    content: Mapping[str, Any]


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file and the recipe of each of its runs.

    Args:
        overrides: settings such as ``dataset.per_label=20``, for every run.
    Raises:
        RecipeError: the file or a recipe is wrong.
    """
    chain = _read_chain(Path(path))
    options = chain[-1].options
    points = tuple(_points(chain, overrides))
    _check_distinct(points)
    return Study(options.name, options.description, points, _content(chain))


def _read_chain(path: Path, seen: tuple[Path, ...] = ()) -> list[_File]:
    """The study files, each after the one that it extends."""
    path = path.resolve()
    if path in seen:
        raise RecipeError(f"{path}: extends itself, by way of {' > '.join(one.name for one in seen)}")
    given = read_toml(path, "study")
    parent = given.get("extends")
    below = _read_chain(path.parent / parent, (*seen, path)) if isinstance(parent, str) else []
    given = {**(below[-1].inherited() if below else {}), **given}
    try:
        return [*below, _File(StudyOptions.model_validate(given), path.parent)]
    except ValidationError as error:
        raise RecipeError(explain(error, "study", "", StudyOptions, given)) from None


def _content(chain: Sequence[_File]) -> dict[str, Any]:
    """What the last file says, and at ``extends`` what the one below it says."""
    *below, last = chain
    own = last.options.model_dump(mode="json", exclude_unset=True)
    return {**own, "extends": _content(below)} if below else own


def _points(chain: Sequence[_File], overrides: Sequence[str]) -> Iterator[Point]:
    name, seeds = chain[-1].options.name, chain[-1].options.seeds
    grid = {key: values for file in chain for key, values in _swept(file.options.grid)}
    for variant in _variants(chain) or ("base",):
        for values in product(*grid.values()):
            settings = dict(zip(grid, values, strict=True))
            for seed in seeds or (None,):
                point = point_name(name, variant, settings, seed)
                yield Point(variant, settings, _recipe(chain, variant, settings, seed, point, overrides))


def _variants(chain: Sequence[_File]) -> tuple[str, ...]:
    """Names of the variants, those of the files below first."""
    names: dict[str, None] = {}
    for options in (file.options for file in chain):
        for name in options.without:
            if name not in names:
                known = f"it has {', '.join(names)}" if names else "it has none"
                raise RecipeError(f"without = {name!r}: the study that is extended has no such variant; {known}")
        names = {name: None for name in names if name not in options.without} | dict.fromkeys(options.variants)
    return tuple(names)


def _check_distinct(points: Sequence[Point]) -> None:
    names = [point.name for point in points]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"the study has two runs of the name {name!r}; take repeated seeds or grid values out")


def _swept(grid: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Dotted key and values of each sweep, whether the file quotes the key or nests tables."""
    for key, value in grid.items():
        if isinstance(value, Mapping):
            yield from _swept(value, f"{prefix}{key}.")
        elif not isinstance(value, list) or not value:
            raise RecipeError(f"[grid] {prefix}{key} = {value!r}: must be a list of at least one value")
        else:
            yield f"{prefix}{key}", value


def _recipe(
    chain: Sequence[_File],
    variant: str,
    settings: Mapping[str, Any],
    seed: int | None,
    name: str,
    overrides: Sequence[str],
) -> Recipe:
    point: dict[str, Any] = {}
    for key, value in settings.items():
        place(point, key, value, f"[grid] {key!r}")
    own = {"name": name} if seed is None else {"name": name, "seed": seed}
    layers: list[Layer] = [(file.options.base, file.folder) for file in chain]
    layers += [(file.options.variants.get(variant, {}), file.folder) for file in chain]
    layers += [(point, chain[-1].folder), (own, chain[-1].folder)]
    try:
        return load_recipe(chain[-1].folder / chain[-1].options.recipe, overrides, layers)
    except RecipeError as error:
        raise RecipeError(f"run {name!r} of the study: {error}") from None
