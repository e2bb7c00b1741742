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
    path = Path(path)
    given = read_toml(path, "study")
    try:
        options = StudyOptions.model_validate(given)
    except ValidationError as error:
        raise RecipeError(explain(error, "study", "", StudyOptions, given)) from None
    points = tuple(_points(options, path.resolve().parent, overrides))
    _check_distinct(points)
    return Study(options.name, options.description, points, options.model_dump(mode="json", exclude_unset=True))


def _points(options: StudyOptions, folder: Path, overrides: Sequence[str]) -> Iterator[Point]:
    grid = dict(_swept(options.grid))
    for variant, tables in (options.variants or {"base": {}}).items():
        for values in product(*grid.values()):
            settings = dict(zip(grid, values, strict=True))
            for seed in options.seeds or (None,):
                name = point_name(options.name, variant, settings, seed)
                yield Point(variant, settings, _recipe(options, folder, tables, settings, seed, name, overrides))


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
    options: StudyOptions,
    folder: Path,
    variant: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int | None,
    name: str,
    overrides: Sequence[str],
) -> Recipe:
    point: dict[str, Any] = {}
    for key, value in settings.items():
        place(point, key, value, f"[grid] {key!r}")
    own = {"name": name} if seed is None else {"name": name, "seed": seed}
    layers: list[Layer] = [(tables, folder) for tables in (options.base, variant, point, own)]
    try:
        return load_recipe(folder / options.recipe, overrides, layers)
    except RecipeError as error:
        raise RecipeError(f"run {name!r} of the study: {error}") from None
