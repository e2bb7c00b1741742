"""``requires``: what a recipe needs installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.errors import RecipeError
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import resolve


def recipe_with(requires: object) -> dict[str, object]:
    return {"name": "x", "requires": requires, "dataset": {"use": "folder", "path": "."}}


def test_what_is_installed_will_do_and_stays_in_the_recipe(tmp_path: Path) -> None:
    requires = ["pydantic>=2", 'nowhere-to-be-found; python_version < "3"', "NumPy"]
    first = resolve(parse_recipe(recipe_with(requires)), registry())
    path = tmp_path / "recipe.toml"
    path.write_text(first.to_toml())
    assert load_recipe(path).header.requires == tuple(requires)
    assert resolve(load_recipe(path), registry()).to_toml() == first.to_toml()


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        (
            ["pydantic", "diffmine-dask>=0.3"],
            "the recipe requires 'diffmine-dask>=0.3', which is not installed; pip install 'diffmine-dask>=0.3'",
        ),
        (["pydantic<2"], "the recipe requires 'pydantic<2', but pydantic 2"),
        (["dask >> 3"], "requires.0 = 'dask >> 3': must be a distribution and its versions"),
        ("pydantic", "requires = 'pydantic': "),
        ([3], "requires.0 = 3: "),
    ],
)
def test_what_is_missing_is_told_in_a_sentence(requires: object, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        resolve(parse_recipe(recipe_with(requires)), registry())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_told_before_the_component_that_it_would_bring() -> None:
    tables = {**recipe_with(["diffmine-dask"]), "executor": {"use": "dask"}}
    with pytest.raises(RecipeError, match="requires 'diffmine-dask'"):
        resolve(parse_recipe(tables), registry())
