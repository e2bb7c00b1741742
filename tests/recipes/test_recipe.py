"""Recipes: merging, overrides, paths, errors."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from diffmine.errors import RecipeError
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import resolve


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


BASE = """
name = "base"
seed = 3
[dataset]
use = "folder"
path = "pictures"
per_label = 5
[clusterer]
use = "kmeans"
n_clusters = 7
"""


def test_extends_merges_keys(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE)
    child = write(tmp_path / "child.toml", 'extends = "base.toml"\nname = "child"\n[dataset]\nper_label = 9\n')
    recipe = load_recipe(child)
    assert recipe.header.name == "child"
    assert recipe.header.seed == 3
    assert recipe.tables["dataset"] == {"use": "folder", "path": "pictures", "per_label": 9}


def test_another_component_replaces_the_parents_whole_table(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE)
    child = write(
        tmp_path / "child.toml", 'extends = "base.toml"\n[clusterer]\nuse = "hdbscan"\nmin_cluster_size = 4\n'
    )
    assert load_recipe(child).tables["clusterer"] == {"use": "hdbscan", "min_cluster_size": 4}


def test_the_default_component_counts_as_the_parents(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE.replace('use = "kmeans"\n', ""))
    child = write(tmp_path / "child.toml", 'extends = "base.toml"\n[clusterer]\nuse = "hdbscan"\n')
    assert load_recipe(child).tables["clusterer"] == {"use": "hdbscan"}


def test_naming_the_same_component_keeps_the_parents_options(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", BASE)
    child = write(tmp_path / "child.toml", 'extends = "base.toml"\n[clusterer]\nuse = "kmeans"\n')
    assert load_recipe(child).tables["clusterer"]["n_clusters"] == 7


@pytest.mark.parametrize("use", ['"terminal"', '["terminal"]'])
def test_of_several_components_those_no_more_named_lose_their_tables(tmp_path: Path, use: str) -> None:
    write(tmp_path / "base.toml", BASE + "[report.figures]\nrows = 3\n[report.terminal]\nrows = 4\n")
    child = write(tmp_path / "child.toml", f'extends = "base.toml"\n[report]\nuse = {use}\n')
    assert load_recipe(child).tables["report"] == {"use": tomllib.loads(f"use = {use}")["use"], "terminal": {"rows": 4}}


def test_overrides_follow_the_rule_of_extends_in_any_order(tmp_path: Path) -> None:
    base = write(tmp_path / "base.toml", BASE)
    one = load_recipe(base, ["clusterer.min_samples=2", "clusterer.use=hdbscan"])
    other = load_recipe(base, ["clusterer.use=hdbscan", "clusterer.min_samples=2"])
    assert one.tables["clusterer"] == other.tables["clusterer"] == {"use": "hdbscan", "min_samples": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"x"', "x"),
        ("plain words", "plain words"),
        ("", ""),
    ],
)
def test_override_values_are_toml_or_plain_strings(tmp_path: Path, text: str, value: object) -> None:
    recipe = load_recipe(write(tmp_path / "base.toml", BASE), [f"dataset.depth={text}"])
    assert recipe.tables["dataset"]["depth"] == value


def test_paths_are_relative_to_the_file_that_holds_them(tmp_path: Path) -> None:
    (tmp_path / "shared" / "pictures").mkdir(parents=True)
    write(tmp_path / "shared" / "base.toml", BASE)
    child = write(tmp_path / "mine" / "child.toml", 'extends = "../shared/base.toml"\n[dataset]\nper_label = 2\n')
    dataset = resolve(load_recipe(child), registry()).components.dataset
    assert dataset.config.path == tmp_path / "shared" / "pictures"  # type: ignore[attr-defined]


def test_override_paths_are_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = write(tmp_path / "recipes" / "base.toml", BASE)
    monkeypatch.chdir(tmp_path)
    dataset = resolve(load_recipe(base, ["dataset.path=here"]), registry()).components.dataset
    assert dataset.config.path == tmp_path / "here"  # type: ignore[attr-defined]


def test_a_hub_id_is_kept_and_a_folder_becomes_absolute(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    text = BASE + '[model]\nuse = "stable-diffusion"\npath = "{}"\n'
    for written, expected in (("owner/model", "owner/model"), ("weights", str(tmp_path / "weights"))):
        recipe = load_recipe(write(tmp_path / "r.toml", text.format(written)))
        assert resolve(recipe, registry()).components.model.config.path == expected  # type: ignore[attr-defined]


def test_the_resolved_recipe_resolves_to_itself(tmp_path: Path) -> None:
    first = resolve(load_recipe(write(tmp_path / "base.toml", BASE)), registry())
    again = resolve(load_recipe(write(tmp_path / "elsewhere" / "recipe.toml", first.to_toml())), registry())
    assert again.to_toml() == first.to_toml()
    assert again.components.clusterer.identity() == first.components.clusterer.identity()


NAMES = st.sampled_from(["patches", "clusterer", "scorer", "executor"])
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5)
VALUES = st.one_of(st.integers(-5, 5), st.booleans(), TEXTS, st.lists(st.integers(0, 3), max_size=3))
LAYER = st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["a", "b", "use"]), VALUES, max_size=3), max_size=4)


@given(LAYER, LAYER)
def test_later_layers_win_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, one: dict, two: dict
) -> None:
    for layer in (one, two):
        for table in layer.values():
            table.pop("use", None)
    folder = tmp_path_factory.mktemp("layers")
    head = {"name": "x", "dataset": {"use": "folder"}}
    write(folder / "one.toml", tomli_w.dumps({**head, **one}))
    child = write(folder / "two.toml", tomli_w.dumps({"extends": "one.toml", **two}))
    tables = load_recipe(child).tables
    for name in ("patches", "clusterer", "scorer", "executor"):
        expected = {**one.get(name, {}), **two.get(name, {})}
        assert {key: value for key, value in tables[name].items() if key != "use"} == expected


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ('name = "x"\n[dataset\n', ["not valid TOML", "line 2"]),
        (BASE + "[cluster]\n", ["[cluster]", "unknown table", "did you mean 'clusterer'?"]),
        (BASE.replace('name = "base"', ""), ["name", "required"]),
        (BASE.replace('"base"', '"a/b"'), ["name = 'a/b'"]),
        (
            BASE.replace('use = "kmeans"', 'use = "k-means"'),
            ["[clusterer] use = 'k-means'", "did you mean 'kmeans'?", "available:"],
        ),
        (
            BASE.replace("n_clusters", "n_cluster"),
            ["[clusterer]", "n_cluster: unknown option", "did you mean 'n_clusters'?"],
        ),
        (
            BASE.replace("n_clusters = 7", "n_clusters = 0"),
            ["[clusterer]", "n_clusters", "0", "greater than or equal to 1"],
        ),
        (
            BASE.replace("n_clusters = 7", 'n_clusters = "many"'),
            ["(use = 'kmeans') n_clusters = 'many': input should be a valid integer", "'auto'"],
        ),
        (BASE.replace("per_label = 5", 'per_label = "many"'), ["[dataset]", "per_label = 'many'", "valid integer"]),
        (BASE.replace('use = "folder"', 'use = ["folder"]'), ["[dataset] use = ['folder']", "one name"]),
        (BASE + '[report]\nuse = ["terminal"]\nrows = 3\n', ["[report] rows = 3", "unknown option"]),
        ('extends = 3\nname = "x"\n', ["extends = 3"]),
        ('extends = "gone.toml"\nname = "x"\n', ["gone.toml", "no such recipe file"]),
        ('extends = "r.toml"\nname = "x"\n', ["extends itself"]),
        ('name = "x"\n[dataset]\npath = "p"\n', ["[dataset] use", "required"]),
        ('name = "x"\ndataset = 3\n', ["dataset = 3", "must be a table"]),
    ],
)
def test_mistakes_name_place_value_and_remedy(tmp_path: Path, text: str, fragments: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        resolve(load_recipe(write(tmp_path / "r.toml", text)), registry())
    for fragment in fragments:
        assert fragment in str(caught.value)


@pytest.mark.parametrize("override", ["patches", "=3", "patches.size.deep.=1"])
def test_a_malformed_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(RecipeError, match="--set"):
        load_recipe(write(tmp_path / "r.toml", BASE), [override])


def test_options_of_one_of_many_reports_stand_in_its_own_table() -> None:
    tables = {
        "name": "x",
        "dataset": {"use": "folder", "path": "p"},
        "report": {"use": ["terminal"], "terminal": {"clusters": 2}},
    }
    resolved = resolve(parse_recipe(tables), registry())
    assert resolved.components.report[0].config.clusters == 2  # type: ignore[attr-defined]
    assert tomllib.loads(resolved.to_toml())["report"] == {"use": ["terminal"], "terminal": {"clusters": 2}}
