"""The shipped quickstart, whole, with the shipped base: it takes minutes and runs by ``make test-quickstart``.

The limits are half a confidence interval below the figures in docs/limits.md: another machine rounds otherwise.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import diffmine
from diffmine.runs.run import Run

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.toml"
LIMITS = {
    "pixel_average_precision": 0.57,
    "pxap": 0.57,
    "pointing_accuracy": 0.96,
    "patch_precision": 0.9,
    "presence_auc": 0.93,
}


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("quickstart")
    return diffmine.run(RECIPE, out=folder / "run", store=folder / "store")


@pytest.mark.quickstart
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", LIMITS)
def test_the_planted_elements_are_found(quickstart: Run, name: str) -> None:
    found = quickstart.metrics[name]
    assert found["value"] >= LIMITS[name]
    assert found["low"] > found["chance"] + 0.2


@pytest.mark.quickstart
@pytest.mark.timeout(3000)
def test_each_town_has_a_cluster_most_of_which_is_surely_typical(quickstart: Run) -> None:
    assert not quickstart.in_sample
    best: dict[str, float] = {}
    for row in quickstart.clusters.to_pylist():
        best[row["label"]] = max(best.get(row["label"], 0.0), row["at_least"])
    assert sorted(best) == quickstart.labels
    assert min(best.values()) > 0.2


@pytest.mark.quickstart
@pytest.mark.timeout(3000)
def test_no_real_element_is_taken_for_a_shortcut(quickstart: Run) -> None:
    assert not [flag for flag in quickstart.flags if flag.severity == "warning" and "shortcut" in flag.mark]


@pytest.mark.quickstart
@pytest.mark.timeout(3000)
def test_random_patches_find_no_more_than_chance(quickstart: Run) -> None:
    found = quickstart.metrics["patch_precision_random"]
    assert found["low"] <= found["chance"] <= found["high"]
