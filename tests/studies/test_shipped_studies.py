"""The studies that come with diffmine are complete and right."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.studies.study import check_points
from diffmine.studies.study_file import load_study

STUDIES = Path(__file__).parents[2] / "recipes" / "studies"
QUICK = {"clusterers", "features", "patch-size"}
METHODS = {
    "methods": "avatars",
    "methods-clip": "avatars",
    "methods-scenes": "scenes",
    "methods-emoji": "data/emoji",
    "methods-flags": "data/flags",
}
"""Study of methods -> what it is of: a dataset, or where its pictures lie."""


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_run_can_be_configured(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    assert study.description
    assert len(study.points) > 2
    check_points(study.points)


def test_none_is_missing() -> None:
    wanted = {"clusterers", "features", "finetuning", "patch-size", "draws", "timesteps", "smoothing", "controls"}
    assert {path.stem for path in STUDIES.glob("*.toml")} == wanted | METHODS.keys()


@pytest.mark.parametrize("name", sorted(QUICK))
def test_studies_of_late_stages_share_the_quickstarts_finetuning(name: str) -> None:
    study = load_study(STUDIES / f"{name}.toml")
    early = [[point.recipe.tables[table] for table in ("dataset", "finetune", "scorer")] for point in study.points]
    assert all(tables == early[0] for tables in early)
    assert "per_label" in early[0][0]


def test_controls_differ_from_the_best_in_the_selection_alone() -> None:
    tables = [point.recipe.tables["patches"] for point in load_study(STUDIES / "controls.toml").points]
    assert [table["use"] for table in tables] == ["top", "random", "least", "top"]
    # What places patches are options of ``top`` alone.
    told_apart = {"use": "", "place": "", "agreement_weight": ""}
    assert all({**table, **told_apart} == {**tables[0], **told_apart} for table in tables)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_are_compared_by_where_they_place_patches_alone(name: str) -> None:
    points = load_study(STUDIES / f"{name}.toml").points
    masks = {"avatars", "scenes"}.intersection([METHODS[name]])
    wanted = [point.variant for point in load_study(STUDIES / "methods.toml").points]
    added = ["clip"] if name == "methods-clip" else []
    assert [point.variant for point in points] == [one for one in wanted if masks or one != "few-shot-masks"] + added
    tables = [point.recipe.tables for point in points]
    for table in ("dataset", "features", "projection", "clusterer", "metrics"):
        assert all(one[table] == tables[0][table] for one in tables)
    assert {one["patches"]["size"] for one in tables} == {tables[0]["patches"]["size"]}
    judge = tables[0]["scorer"]["t_min"], tables[0]["scorer"]["t_max"]
    assert tuple(tables[0]["metrics"]["erasure"]["t_range"]) == judge, "rivals' patches are judged as diffusion's are"
    dataset = tables[0]["dataset"]
    assert dataset.get("path", dataset["use"]).endswith(METHODS[name])
