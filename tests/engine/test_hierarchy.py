"""Labels in a tree, through a whole run: parents are carried, and contrast tells a label from its parent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import diffmine
from diffmine.builtin.scorers.contrast import Contrast
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.errors import RecipeError
from diffmine.interfaces import Progress
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import TINY_RECIPE
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.types import Picture

TREE = {"north": None, "south": None, "a": "north", "b": "north", "c": "south", "d": "south"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tree")
    write_toy_folder(folder / "all", ("a", "b", "c", "d"), per_label=6)
    for leaf in "abcd":
        (folder / "pictures" / str(TREE[leaf])).mkdir(parents=True, exist_ok=True)
        (folder / "all" / leaf).rename(folder / "pictures" / str(TREE[leaf]) / leaf)
    text = TINY_RECIPE.replace('masks = "pictures-masks"', 'label_from = "last"\nhierarchy = ["first"]')
    text = text.replace("holdout = 0.25", "holdout = 0.34").replace("steps = 6", "steps = 2")
    (folder / "tree.toml").write_text(text.replace("draws = 4", 'use = "contrast"\nagainst = "parent"\ndraws = 4'))
    return diffmine.run(folder / "tree.toml", out=folder / "run", store=folder / "store", device="cpu")


def test_pictures_carry_their_parents_and_are_a_null_for_siblings_alone(run: Run) -> None:
    assert run.parents == TREE
    assert run.tools().parents == TREE
    for record in run.records.values():
        leaf, parent = record.labels
        assert TREE[leaf] == parent
        if record.scored:
            roles = run.maps.roles(record.image_id)
            assert {label for label, role in roles.items() if role == "own"} == {leaf, parent}
            null = {label for label, role in roles.items() if role == "null"}
            assert null == {label for label, above in TREE.items() if above in (parent, None)} - {leaf, parent}
    heldout = [row for row in run.heldout_patches.to_pylist() if row["selection"] == "top"]
    assert {row["label"] for row in heldout} == set(TREE)
    assert None not in {row["p_value"] for row in heldout}


def test_what_is_typical_beyond_the_parent_is_the_difference_of_typicalities(run: Run) -> None:
    record = next(iter(run.records.values()))
    pictures, labels = [Picture(record, run.picture(record.image_id))], [sorted(TREE)]
    options = {"draws": 8, "timesteps": "stratified"}
    config = Contrast.Config.model_validate({**options, "against": "parent"})
    beyond = Contrast(config).open(run.tools()).score(pictures, labels, Progress())[0]
    plain = Diffusion(Diffusion.Config.model_validate(options)).open(run.tools()).score(pictures, labels, Progress())[0]
    typicality = {one.label: one.mean for one in plain}
    for one in beyond:
        parent = TREE[one.label]
        expected = typicality[one.label] - (0 if parent is None else typicality[parent])
        np.testing.assert_allclose(one.mean, expected, atol=1e-5, err_msg=one.label)
        assert one.influence is not None
        if parent is None:
            np.testing.assert_allclose(one.influence, next(p.influence for p in plain if p.label == one.label))


def test_without_a_hierarchy_there_is_no_parent_to_be_told_from(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "pictures", per_label=2)
    (tmp_path / "flat.toml").write_text(TINY_RECIPE.replace("draws = 4", 'use = "contrast"\nagainst = "parent"'))
    with pytest.raises(RecipeError, match=r"name the columns that hold them: \[dataset\] hierarchy"):
        diffmine.run(tmp_path / "flat.toml", out=tmp_path / "run", store=tmp_path / "store", device="cpu")
