"""The recipes that plugins ship stand as they are, and serve other datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.testing.toy_pictures import write_toy_folder

PLUGINS = Path(__file__).parents[2] / "plugins"
RECIPES = sorted(PLUGINS.glob("*/recipes/*.toml"))
WITH_A_MODEL = {"opacities", "cluster", "ray", "translate"}
"""Recipes about what is done with a diffusion model; all others are of methods that rival one."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_toy_folder(folder / "pictures", per_label=4)
    return folder / "pictures"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_stands_and_can_be_extended_with_another_dataset(recipe: Path, pictures: Path, tmp_path: Path) -> None:
    as_it_is = resolve(load_recipe(recipe), registry())
    mine = tmp_path / "mine.toml"
    mine.write_text(f'extends = "{recipe}"\nname = "mine"\n[dataset]\nuse = "folder"\npath = "{pictures}"\n')
    extended = resolve(load_recipe(mine), registry())
    assert extended.components.dataset.name == "folder"
    for one in (as_it_is, extended):
        assert one.components.needs_model is (recipe.stem in WITH_A_MODEL)
        assert ("model" in one.components.describe()) is one.components.needs_model, (
            "no model is named where none is used"
        )
        assert one.components.scorer.name == as_it_is.components.scorer.name
