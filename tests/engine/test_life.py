"""Elements that were planted to come and go over years are found to, by the real pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diffmine.engine.opening import load_run
from diffmine.errors import RecipeError
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.life import Element, Life
from diffmine.runs.run import Run
from diffmine.testing.toy_lives import COLOURS, PICTURES, PLANTED, YEARS, write_toy_lives


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(write_toy_lives(tmp_path_factory.mktemp("lives")).path)


@pytest.fixture(scope="module")
def life(run: Run) -> Life:
    assert run.life is not None
    return run.life


def coloured(run: Run, life: Life) -> dict[str, Element]:
    """Planted element -> the cluster whose central patch shows most of its colour."""

    def colour(row: int) -> np.ndarray:
        patch = run.patches.slice(row, 1).to_pylist()[0]
        crop = run.picture(patch["image_id"])[patch["y0"] : patch["y1"], patch["x0"] : patch["x1"]].reshape(-1, 3)
        return crop[np.ptp(crop.astype(int), axis=1) > 60].mean(axis=0)

    means = {one.number: colour(int(one.rows[0])) for one in life.elements if one.facts["median_typicality"] > 0.1}
    found = {}
    for name in PLANTED:
        target = np.array(COLOURS[name.split()[0]])
        best = min(means, key=lambda number: float(np.linalg.norm(means[number] - target)))
        found[name] = life.elements[best]
    assert len({one.number for one in found.values()}) == len(PLANTED)
    return found


def test_found_shares_are_those_planted(run: Run, life: Life) -> None:
    assert (life.labels, tuple(run.labels), tuple(run.contents.labels)) == (YEARS, YEARS, YEARS)
    for name, element in coloured(run, life).items():
        planted = np.array(PLANTED[name]) / PICTURES
        np.testing.assert_allclose(element.shares, planted, err_msg=name)


def test_courses_are_those_planted(run: Run, life: Life) -> None:
    courses = {name: element.course for name, element in coloured(run, life).items()}
    assert courses == {
        "red disc": "rises",
        "green square": "falls",
        "blue triangle": "comes and goes",
        "yellow ring": "cannot tell",
    }
    assert {one.course for one in life.by_change[3:]} == {"cannot tell"}


def test_every_selected_patch_is_in_one_element_and_no_control_is(run: Run, life: Life) -> None:
    rows = np.concatenate([one.rows for one in life.elements])
    assert sorted(rows.tolist()) == np.flatnonzero(run.contents.column("selection") == "top").tolist()
    assert sorted(row for one in life.elements for step in one.steps for row in step.rows) == sorted(rows.tolist())


def test_figures_are_those_of_the_patches(run: Run, life: Life) -> None:
    label, typicality = run.contents.column("label"), run.contents.column("typicality")
    for element in life.elements:
        for step in element.steps:
            facts, images = step.facts, run.contents.image_ids(step.rows)
            assert set(label[step.rows]) <= {step.label}
            assert (facts["patches"], facts["found"], facts["pictures"]) == (len(images), len(set(images)), PICTURES)
            assert facts["share"] == len(set(images)) / PICTURES
            assert facts["share_low"] <= facts["share"] <= facts["share_high"]
            first = len(set(images))
            assert len(set(images[:first])) == first, "the best of each picture comes first"
            best = typicality[step.rows[:first]]
            assert (np.diff(best) <= 0).all()
            if len(images):
                assert facts["mean_typicality"] == pytest.approx(typicality[step.rows].mean(), abs=1e-6)
                assert facts["mean_low"] is None or facts["mean_low"] <= facts["mean_typicality"] <= facts["mean_high"]


def test_names_in_a_list_give_the_lives_that_numbers_do(tmp_path: Path, life: Life) -> None:
    names = ("stone", "bronze", "iron", "steam", "<b>now")
    other = write_toy_lives(tmp_path, names, names).life
    assert other is not None
    assert other.labels == names
    shares = [sorted(map(tuple, (one.shares for one in found.elements))) for found in (life, other)]
    np.testing.assert_allclose(shares[0], shares[1])
    assert sorted(one.course for one in other.elements) == sorted(one.course for one in life.elements)


def test_without_an_order_there_is_no_life() -> None:
    recipe = parse_recipe({"name": "x", "dataset": {"use": "folder", "path": "."}, "life": {}})
    with pytest.raises(RecipeError, match=r'say \[dataset\] order = "numeric"'):
        resolve(recipe, registry())
