"""Draws in rounds: which pictures get them, and that a map is what a run of as many draws would have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import diffmine
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.types import TypicalityMap

MOST = 12
PARTS = ("mean", "stderr", "influence", "influence_stderr", "noise_correlation")


def mined(folder: Path, out: str, *overrides: str) -> Run:
    return diffmine.run(
        folder / "recipe.toml",
        out=folder / out,
        store=folder / "store",
        overrides=["finetune.steps=2", "finetune.warmup_steps=0", "finetune.validate_every=0", *overrides],
        until="typicality",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("race")
    write_tiny_recipe(folder).rename(folder / "recipe.toml")
    return folder


@pytest.fixture(scope="module")
def raced(folder: Path) -> Run:
    return mined(folder, "raced", f"scorer.draws=[4,{MOST}]", "patches.per_label=4")


def maps(run: Run) -> dict[tuple[str, str], TypicalityMap]:
    keys = [(image_id, label) for image_id in run.records for label in run.scored_labels(image_id)]
    return {key: run.maps.load(*key) for key in keys}


def test_a_map_is_that_of_a_run_of_as_many_draws(folder: Path, raced: Run) -> None:
    """But for rounding: in the further rounds other pictures share a batch."""
    found = maps(raced)
    counts = {one.draws for one in found.values()}
    assert len(counts) > 1, "the recipe is meant to decide some pictures earlier than others"
    for draws in counts:
        fixed = maps(mined(folder, f"fixed {draws}", f"scorer.draws={draws}"))
        for key, one in found.items():
            if one.draws == draws:
                for name in PARTS:
                    scale = np.abs(getattr(fixed[key], name)).max()
                    np.testing.assert_allclose(getattr(one, name), getattr(fixed[key], name), atol=2e-3 * scale)


def test_all_maps_of_a_picture_have_equally_many_draws(raced: Run) -> None:
    for image_id in raced.records:
        assert len({raced.maps.load(image_id, label).draws for label in raced.scored_labels(image_id)}) == 1


def test_what_was_spent_is_told(raced: Run) -> None:
    told = json.loads((raced.path / "draws.json").read_text())
    labels = {image_id: raced.scored_labels(image_id) for image_id in raced.records}
    draws = {image_id: raced.maps.load(image_id, scored[0]).draws or 0 for image_id, scored in labels.items()}
    conditions = {image_id: 1 + len(scored) for image_id, scored in labels.items()}  # and the null condition
    assert set(conditions.values()) == {2, 3}, "pictures that the model has learned from are scored under one label"
    assert told["passes"] == sum(draws[one] * conditions[one] for one in labels)
    assert told["passes_at_most"] == sum(MOST * conditions[one] for one in labels)
    assert sum(told["images"].values()) == len(raced.records)
    assert told["mean"] == pytest.approx(np.mean(list(draws.values())))
    assert set(told["undecided"]) == {"selected", "heldout"}


def test_with_nothing_to_choose_from_it_ends_after_the_first_round(folder: Path) -> None:
    run = mined(folder, "all kept", f"scorer.draws=[4,{MOST}]", "patches.per_label=1000")
    told = json.loads((run.path / "draws.json").read_text())
    assert told["images"] == {"4": len(run.records)}
    assert {one.draws for one in maps(run).values()} == {4}
