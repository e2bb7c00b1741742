"""What a run says of labels that mean nothing, and of such as do: trained, scored and judged for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import diffmine
from diffmine.numerics.false_discoveries import chance_limits, true_discoveries
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.run import Run
from diffmine.testing.toy_pictures import write_toy_folder

RECIPE = """
name = "evidence"
seed = 1
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.0
folds = 2
[model]
use = "patch-unet"
[conditioning]
use = "label-embedding"
[finetune]
use = "full"
steps = {steps}
batch_size = 16
learning_rate = 1e-3
embedding_learning_rate = 5.0
betas = [0.9, 0.99]
warmup_steps = 2
validate_every = 0
timesteps = "stratified"
[scorer]
draws = 4
t_min = 0.2
t_max = 0.8
timesteps = "stratified"
smoothing = 0.6
batch_size = 64
[patches]
size = 8
per_image = 2
per_label = 200
[features]
use = "pixels"
[clusterer]
use = "kmeans"
n_clusters = 4
"""


def learned(folder: Path, steps: int, *, shuffled: bool) -> Run:
    """Each of 72 pictures is scored by a model that has learned from 36 others."""
    write_toy_folder(folder / "pictures", per_label=36)
    path = folder / "evidence.toml"
    path.write_text(RECIPE.format(steps=steps), encoding="utf-8")
    overrides = [f"dataset.shuffle_labels={str(shuffled).lower()}"]
    return diffmine.run(path, out=folder / "run", overrides=overrides, until="clusters")


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return learned(tmp_path_factory.mktemp("shuffled"), 12, shuffled=True)


def test_of_shuffled_labels_almost_nothing_stands_above_chance(shuffled: Run) -> None:
    q_values = [row["q_value"] for row in shuffled.patches.to_pylist() if row["selection"] == "top"]
    assert len(q_values) == 2 * 36 * 2
    assert None not in q_values, "no model has seen the pictures that it scored"
    assert np.mean(np.array(q_values) <= FALSE_DISCOVERIES) <= FALSE_DISCOVERIES
    assert set(shuffled.clusters["at_least"].to_pylist()) == {0.0}


def test_bounds_of_clusters_are_those_of_the_published_evidence(shuffled: Run) -> None:
    (told,) = [row for row in shuffled.evidence.to_pylist() if (row["table"], row["label"]) == ("selected", "a")]
    assert (told["images"], told["tests"], told["nulls"], len(told["null_best"])) == (36, 72, 72, 36)
    limits = chance_limits(told["images"], len(told["null_best"]))
    patches = [row for row in shuffled.patches.to_pylist() if row["label"] == "a" and row["cluster"] is not None]
    for cluster in (row for row in shuffled.clusters.to_pylist() if row["label"] == "a"):
        members = [row for row in patches if row["cluster"] == cluster["cluster"]]
        above = [sum(null >= row["typicality"] for null in told["null_best"]) for row in members]
        found = true_discoveries(above, [row["image_id"] for row in members], limits)
        assert cluster["at_least"] == pytest.approx(found / cluster["size"])
