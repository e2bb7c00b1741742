"""What a run is said to cost."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import diffmine
from diffmine.engine.estimate import CELL_BYTES, PICTURE_BYTES, THREAD_VARIABLES, Cost, estimate
from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, Preview
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.terminal.check_view import print_check
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_pictures import write_toy_folder

RECIPES = Path(diffmine.__file__).parents[1] / "recipes"

COUNTS = """
from diffmine.engine.estimate import torch_threads
ours = torch_threads()
import torch
print(ours, torch.get_num_threads())
"""


def count(start: Callable[[], None] | None, **variables: str) -> list[str]:
    """The threads that are counted, and torch's own number, in a process that starts so."""
    clean = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    command = [sys.executable, "-c", COUNTS]
    told = subprocess.run(
        command, env={**clean, **variables}, preexec_fn=start, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_threads_are_those_that_torch_uses() -> None:
    assert count(on_one_core) == ["1", "1"]
    assert count(None, OMP_NUM_THREADS="1") == ["1", "1"]


def test_hours_on_a_processor_want_a_gpu(tmp_path: Path) -> None:
    tables = tomllib.loads(write_tiny_recipe(tmp_path, per_label=1).read_text())
    assert not estimate(resolve(parse_recipe(tables, tmp_path), registry()), "cpu").wants_gpu
    tables["finetune"]["steps"] = 2**40
    cost = estimate(resolve(parse_recipe(tables, tmp_path), registry()), "cpu")
    assert cost.wants_gpu
    assert not cost.given(["images", "finetune"]).wants_gpu, "the finetuned model is there"


class Countries(Dataset):
    """As many pictures as the paper's G3 has, of which none is there."""

    name = "countries"

    def preview(self) -> Preview:
        return Preview({f"country {number}": 34_422 for number in range(10)}, 756, 512)

    def open(self, prepared: Path) -> ImageSource:
        raise AssertionError("previewed")


def of_countries(**options: object) -> Cost:
    """The paper's recipe for G3 with such options."""
    recipe = parse_recipe({**load_recipe(RECIPES / "g3.toml").tables, "name": "g3"}, RECIPES)
    g3 = resolve(recipe, registry())
    given = {"holdout": 0.0, "mine_per_label": 1000, **options}
    countries = Countries(DatasetConfig.model_validate(given))
    return estimate(replace(g3, components=replace(g3.components, dataset=countries)), "cpu")


def test_what_the_papers_way_saves_is_counted() -> None:
    papers = of_countries()
    assert (papers.learned, papers.scored) == (344_220, 10_000)
    assert papers.scoring_passes == 10_000 * 100 * 2, "in sample: no wrong labels"
    assert of_countries(mine_per_label=None).scoring_passes == 344_220 * 100 * 2
    unseen = of_countries(mine_per_label=None, folds=2)
    assert unseen.scoring_passes == 344_220 * 100 * 3
    assert unseen.training_passes == 2 * papers.training_passes
    assert (unseen.models, unseen.learned) == (2, 344_220)
    assert unseen.disk_bytes == 344_220 * 2 * (64 * 95) * CELL_BYTES


def test_it_is_said_how_much_memory_many_pictures_take(tmp_path: Path) -> None:
    def said(cost: Cost) -> str:
        console = Console(record=True, width=200, file=io.StringIO())
        print_check(console, few, cost)
        return console.export_text()

    few = resolve(load_recipe(write_tiny_recipe(tmp_path, per_label=1)), registry())
    small, many = estimate(few, "cpu"), of_countries()
    assert many.memory_bytes - small.memory_bytes == (344_220 - 2) * PICTURE_BYTES
    assert many.as_dict()["memory_bytes"] == many.memory_bytes
    assert "on the machine that runs this" in said(many)
    assert "on the machine that runs this" not in said(small)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("dataset.mine=all",),
        ("dataset.mine=heldout",),
        ("dataset.folds=3", "dataset.validation=0.3", "dataset.mine_per_label=4"),
        ("training.use=folder", "training.path=more", "dataset.validation=0.25"),
    ],
)
def test_what_is_counted_is_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    recipe = write_tiny_recipe(tmp_path)
    write_toy_folder(tmp_path / "more", per_label=5, seed=3)
    monkeypatch.chdir(tmp_path)
    cost = estimate(resolve(load_recipe(recipe, options), registry()), "cpu")
    records = diffmine.run(recipe, out=tmp_path / "run", overrides=options, until="images").records.values()
    scorer = resolve(load_recipe(recipe, options), registry()).components.scorer
    scored = [record for record in records if record.scored]
    assert cost.learned == sum(record.split == "train" for record in records)
    assert cost.scoring_passes == sum(scorer.passes(len(scorer.labels_to_score(one, ["a", "b"], 1))) for one in scored)
    assert cost.scored == len(scored)
