"""Whatever a recipe says, it is a recipe or a RecipeError."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmine.commands.cli import main
from diffmine.engine.estimate import estimate
from diffmine.errors import RecipeError
from diffmine.files.atomic import json_digest
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.testing.tiny_recipe import write_tiny_recipe

SHIPPED = Path(__file__).parents[2] / "recipes"


@cache
def recipes() -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(SHIPPED.glob("*.toml"))]


@cache
def keys() -> list[tuple[str, str, str]]:
    """(table, component, option) of everything that can be said."""
    return [
        (entry.kind.table or entry.component.name, entry.component.name, option)
        for entry in registry().entries()
        for option in ("use", "nonsense", *entry.component.Config.model_fields)
    ]


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, 10**400]),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["a\0b", "\ud800", "x" * 5000, "/" + "y" * 300, "~nobody/x", "kmeans", "auto"]),
    st.dates(),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("use"), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    recipe = deepcopy(draw(st.sampled_from(recipes())))
    recipe.pop("extends", None)
    for table, name, option in draw(st.lists(st.sampled_from(keys()), min_size=1, max_size=3)):
        options = recipe.setdefault(table, {})
        if draw(st.integers(0, 9)) == 0 or not isinstance(options, dict):
            recipe[table] = draw(VALUES)
            continue
        if draw(st.booleans()):
            options["use"] = name
        options[option] = draw(VALUES)
    if draw(st.integers(0, 9)) == 0:
        recipe[draw(st.sampled_from(["name", "seed", "nonsense"]))] = draw(VALUES)
    return recipe


@settings(max_examples=300)
@given(mutated())
def test_mutated_recipes_are_recipes_or_refused(tables: dict[str, Any]) -> None:
    try:
        resolved = resolve(parse_recipe(tables), registry())
    except RecipeError:
        return
    json_digest(resolved.components.describe())
    assert resolve(parse_recipe(tomllib.loads(resolved.to_toml())), registry()).to_toml() == resolved.to_toml()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("clusterer.use=true", "use = True: must be one name"),
        ("metrics.use=[true]", "use = [True]: must be a name or a list of names"),
        ("metrics.use=[{a=1}]", "must be a name or a list of names"),
        ("clusterer.use=[]", "this option is required"),
        ("report.use=3", "must be a name or a list of names"),
        ("clusterer.n_clusters=inf", "n_clusters = inf: must be a finite number"),
        ("clusterer.n_clusters=" + "9" * 400, "must be an integer of 64 bits"),
        ("clusterer.n_clusters=" + "9" * 5000, "n_clusters"),
        ("clusterer.n_clusters=" + "[" * 5000, "n_clusters"),
        ("clusterer" + ".a" * 3000 + "=1", "tables lie in tables more than 20 deep"),
        ("dataset.path=a\0b", "[dataset] path = 'a\\x00b': must not hold a NUL character"),
        ("dataset.path=" + "x" * 300, "file name too long"),
        ("dataset.path=/" + "x" * 300, "file name too long"),
        ("dataset.path=~nobody-at-all/x", "cannot be a path: Could not determine home directory"),
        ("dataset.path=\udcff", "must be text in Unicode"),
        ('dataset.labels=["\\u0000"]', "labels.1 = '\\x00': must not hold a NUL character"),
        ("model.layers=2147483648", "layers = 2147483648: input should be less than or equal to 100"),
    ],
)
def test_hostile_values(tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", str(write_tiny_recipe(tmp_path, per_label=1)), "--set", override])
    errors = capsys.readouterr().err
    assert (ended.value.code, "Traceback" in errors) == (2, False), errors
    assert said in errors
    assert len(errors) < 2000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 5000, "not valid TOML"),
        ("a = " + "9" * 5000, "not valid TOML"),
        ('extends = "' + "x" * 300 + '.toml"', "file name too long"),
        ('extends = "a\\u0000b"', "embedded null byte"),
        ("extends = 3", "must be the path of a recipe file"),
    ],
)
def test_hostile_files(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("path", ["x" * 300, "a\0b"])
def test_hostile_names_of_files(path: str) -> None:
    with pytest.raises(RecipeError, match="cannot be"):
        load_recipe(path)


def test_what_is_beyond_counting_is_said(tmp_path: Path) -> None:
    tables = tomllib.loads(write_tiny_recipe(tmp_path, per_label=1).read_text())
    tables["model"]["channels"] = [2**62] * 10
    tables["finetune"]["steps"] = 2**62
    resolved = resolve(parse_recipe(tables, tmp_path), registry())
    assert estimate(resolved, "cpu").seconds > 1e30, "absurd, and told"
