"""Study files: which runs they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.errors import RecipeError
from diffmine.studies.study import check_points
from diffmine.studies.study_file import load_study

BASE = """
name = "base"
seed = 7
[dataset]
use = "folder"
path = "pictures"
[clusterer]
use = "kmeans"
n_clusters = 5
"""


def write_study(folder: Path, text: str) -> Path:
    (folder / "recipes" / "studies").mkdir(parents=True)
    (folder / "recipes" / "base.toml").write_text(BASE)
    path = folder / "recipes" / "studies" / "study.toml"
    path.write_text(f'name = "s"\nrecipe = "../base.toml"\n{text}')
    return path


def test_every_variant_runs_at_every_grid_point_with_every_seed(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        'seeds = [1, 2]\n[variants.a]\n[variants.b.clusterer]\nuse = "agglomerative"\n'
        '[grid]\n"patches.size" = [8, 16]\nscorer.draws = [4]\n',
    )
    points = load_study(path).points
    assert [(p.variant, dict(p.settings), p.seed) for p in points] == [
        (variant, {"patches.size": size, "scorer.draws": 4}, seed)
        for variant in "ab"
        for size in (8, 16)
        for seed in (1, 2)
    ]
    assert len({p.name for p in points}) == 8
    assert points[0].recipe.tables["patches"]["size"] == 8
    assert points[0].recipe.tables["scorer"]["draws"] == 4


def test_a_variant_goes_over_the_recipe_by_the_rule_of_extends(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        '[variants.same.clusterer]\nalgorithm = "x"\n[variants.other.clusterer]\nuse = "hdbscan"\n',
    )
    same, other = load_study(path).points
    assert same.recipe.tables["clusterer"] == {"use": "kmeans", "n_clusters": 5, "algorithm": "x"}
    assert other.recipe.tables["clusterer"] == {"use": "hdbscan"}


def test_without_variants_seeds_and_grid_it_is_the_recipe(tmp_path: Path) -> None:
    (point,) = load_study(write_study(tmp_path, "")).points
    assert (point.variant, point.seed, point.settings) == ("base", 7, {})


def test_base_goes_below_variants_and_overrides_go_above(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        "[base.dataset]\nper_label = 3\nholdout = 0.5\n[variants.a]\n[variants.b.dataset]\nper_label = 4\n",
    )
    tables = [point.recipe.tables["dataset"] for point in load_study(path, ["dataset.holdout=0.2"]).points]
    assert [(table["per_label"], table["holdout"]) for table in tables] == [(3, 0.2), (4, 0.2)]


def test_paths_are_relative_to_the_file_that_holds_them(tmp_path: Path) -> None:
    path = write_study(tmp_path, '[variants.a]\n[variants.b.dataset]\npath = "more"\n')
    first, second = (point.recipe.folders["dataset"]["path"] for point in load_study(path).points)
    assert first == tmp_path / "recipes"
    assert second == tmp_path / "recipes" / "studies"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sedes = [1]", "did you mean 'seeds'"),
        ('[grid]\n"patches.size" = []', "patches.size = []: must be a list of at least one value"),
        ('[grid]\n"patches.size" = 8', "patches.size = 8: must be a list"),
        ("seeds = [1, 1]", "two runs of the name"),
        ("seeds = [-1]", "greater than or equal to 0"),
        ("[variants.'../a']", "variants"),
    ],
)
def test_a_mistake_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_study(write_study(tmp_path, text))
    assert said in str(caught.value)


def test_a_mistake_in_one_run_names_it_before_anything_is_computed(tmp_path: Path) -> None:
    path = write_study(tmp_path, '[variants.good]\n[variants.bad.clusterer]\nuse = "kmean"\n')
    with pytest.raises(RecipeError, match=r"run 's\.bad' of the study: .*did you mean 'kmeans'"):
        check_points(load_study(path).points)


def test_a_table_that_nothing_knows_is_said_too(tmp_path: Path) -> None:
    path = write_study(tmp_path, "[variants.a.clustrer]\nuse = 'kmeans'")
    with pytest.raises(RecipeError, match=r"\[clustrer\]: unknown table; did you mean 'clusterer'"):
        check_points(load_study(path).points)


def test_long_names_stay_apart(tmp_path: Path) -> None:
    values = ", ".join(f'"{"x" * 120}{number}"' for number in range(3))
    names = [point.name for point in load_study(write_study(tmp_path, f'[grid]\n"model.path" = [{values}]')).points]
    assert len(set(names)) == 3
    assert all(len(name) <= 100 for name in names)


def test_a_study_that_extends_another_asks_the_same_of_another_recipe(tmp_path: Path) -> None:
    write_study(
        tmp_path,
        'seeds = [3]\n[base.clusterer]\nn_clusters = 2\n[grid]\n"patches.size" = [8]\n'
        '[variants.a]\n[variants.b.clusterer]\nuse = "hdbscan"\nmin_cluster_size = 4\n',
    )
    (tmp_path / "other.toml").write_text(BASE.replace('"pictures"', '"others"'))
    child = tmp_path / "child.toml"
    child.write_text(
        'extends = "recipes/studies/study.toml"\nname = "child"\nrecipe = "other.toml"\n'
        "[base.clusterer]\nn_clusters = 9\n[variants.b.clusterer]\nmin_samples = 3\n[variants.c.dataset]\npath = 'x'\n"
    )
    points = load_study(child).points
    assert [(point.variant, point.seed, dict(point.settings)) for point in points] == [
        (variant, 3, {"patches.size": 8}) for variant in "abc"
    ]
    a, b, c = (point.recipe for point in points)
    assert a.header.name == "child.a.size-8.seed-3"
    assert a.tables["dataset"]["path"] == "others"
    assert a.tables["clusterer"] == {"use": "kmeans", "n_clusters": 9}
    assert b.tables["clusterer"] == {"use": "hdbscan", "min_cluster_size": 4, "min_samples": 3}
    assert c.folders["dataset"]["path"] == tmp_path


def test_what_an_extending_study_leaves_out_is_as_below(tmp_path: Path) -> None:
    write_study(tmp_path, "seeds = [4]\n[variants.a]\n")
    child = tmp_path / "child.toml"
    child.write_text('extends = "recipes/studies/study.toml"\n[base.dataset]\npath = "mine"\n')
    study = load_study(child)
    (point,) = study.points
    assert (point.name, point.recipe.tables["clusterer"]["n_clusters"]) == ("s.a.seed-4", 5)
    assert point.recipe.folders["dataset"]["path"] == tmp_path
    assert study.content["extends"]["variants"] == {"a": {}}


def test_an_extending_study_leaves_variants_out(tmp_path: Path) -> None:
    write_study(tmp_path, "[variants.a]\n[variants.b]\n")
    child = tmp_path / "child.toml"
    child.write_text('extends = "recipes/studies/study.toml"\nwithout = ["a"]\n[variants.c]\n')
    assert [point.variant for point in load_study(child).points] == ["b", "c"]
    child.write_text('extends = "recipes/studies/study.toml"\nwithout = ["x"]\n')
    with pytest.raises(RecipeError, match="'x': the study that is extended has no such variant; it has a, b"):
        load_study(child)


def test_a_study_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path, "")
    path.write_text('extends = "study.toml"\n')
    with pytest.raises(RecipeError, match=r"extends itself, by way of study\.toml"):
        load_study(path)
