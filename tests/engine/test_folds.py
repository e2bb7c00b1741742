"""No model scores a picture that it has learned from, unless the run says so; and folds survive a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import diffmine
from diffmine import hookimpl
from diffmine.engine.pipeline import Options, Pipeline
from diffmine.errors import DiffmineError, RecipeError
from diffmine.interfaces import Finetuner, ModelTools, Progress, Scoring, TrainingLog, TrainingSet, TypicalityScorer
from diffmine.interfaces.progress import nobody
from diffmine.plugins.manager import Source, load_plugins
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.types import ImageRecord, Picture, TypicalityMap

SEEN = "seen.json"


def remember(data: TrainingSet, folder: Path) -> None:
    assert not {one.image_id for one in data.train} & {one.image_id for one in data.heldout}
    (folder / SEEN).write_text(json.dumps([record.image_id for record in data.train]))


def remembered(folder: Path | None) -> set[str]:
    assert folder is not None
    return set(json.loads((folder / SEEN).read_text()))


class Diary(Finetuner):
    """Learns nothing; its model is the list of the pictures that it was shown."""

    name = "diary"

    def finetune(
        self, tools: ModelTools, data: TrainingSet, *, folder: Path, workspace: Path, progress: Progress
    ) -> TrainingLog:
        remember(data, folder)
        return [{"step": 1.0, "loss": float(len(data.train))}]


class Recognition(TypicalityScorer):
    """1 everywhere in a picture that its model has seen, 0 in others."""

    name = "recognition"

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        remember(data, folder)

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        return tuple(labels)

    def open(self, tools: ModelTools) -> Scoring:
        seen = remembered(tools._folder)
        assert remembered(tools.fitted) == seen, "what is fitted has learned from what the model has"
        return Recognising(seen)


class Recognising(Scoring):
    stride = 1

    def __init__(self, seen: set[str]) -> None:
        self.seen = seen

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        return [
            [
                TypicalityMap(
                    one.record.image_id, label, np.full((32, 32), one.record.image_id in self.seen, np.float32)
                )
                for label in wanted
            ]
            for one, wanted in zip(pictures, labels, strict=True)
        ]


PLUGIN = SimpleNamespace(
    diffmine_register_finetuners=hookimpl(specname="diffmine_register_finetuners")(lambda: [Diary]),
    diffmine_register_typicality_scorers=hookimpl(specname="diffmine_register_typicality_scorers")(
        lambda: [Recognition]
    ),
)
ORACLE = ("finetune.use=diary", "scorer.use=recognition", "features.use=pixels", "report.use=terminal")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside it, pictures of the same labels: 4 of each are those that the recipe mines, 6 are others."""
    path = write_tiny_recipe(tmp_path_factory.mktemp("recipe"))
    write_toy_folder(path.parent / "same", per_label=4)
    write_toy_folder(path.parent / "other", per_label=6, seed=9)
    for label in "ab":
        (path.parent / "same" / label).rename(path.parent / "other" / label / "same")
    return path


def run(recipe: Path, out: Path, *overrides: str) -> Run:
    manager = load_plugins(frozenset())
    manager.register(PLUGIN, "oracle", Source("oracle", "1.0"))
    registry = Registry(manager)
    resolved = resolve(load_recipe(recipe, (*ORACLE, *overrides)), registry)
    again = resolve(load_recipe(recipe, (*ORACLE, *overrides)), registry)
    assert resolved.to_toml() == again.to_toml()
    options = Options(out=out, store=out.parent / "store", device="cpu", until="patches")
    return Pipeline(resolved, options, manager, registry, nobody).run()


TRAINING = ("training.use=folder", "training.path=other")


@pytest.mark.parametrize(
    ("overrides", "scored", "in_sample", "mined", "evaluated"),
    [
        ((), 24, 18, 18, 6),
        (("dataset.holdout=0", "dataset.mine_per_label=5"), 10, 10, 10, 0),
        (("dataset.mine=heldout",), 6, 0, 6, 6),
        (("dataset.mine=all",), 24, 18, 24, 6),
        (("dataset.validation=0.25",), 24, 14, 14, 6),
        (("dataset.folds=2", "dataset.holdout=0"), 24, 0, 24, 24),
        (("dataset.folds=5",), 24, 0, 18, 24),
        (("dataset.folds=3", "dataset.mine_per_label=4", "dataset.validation=0.25"), 18, 0, 8, 14),
        (TRAINING, 24, 8, 24, 16),
        ((*TRAINING, "dataset.validation=0.25"), 24, 8, 20, 12),
    ],
)
def test_every_picture_is_scored_by_a_model_that_has_seen_it_or_not_as_the_run_says(
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: tuple[str, ...],
    scored: int,
    in_sample: int,
    mined: int,
    evaluated: int,
) -> None:
    monkeypatch.chdir(recipe.parent)
    found = run(recipe, tmp_path / "run", *overrides)
    records = found.records.values()
    seen = {one.image_id: bool(found.typicality(one.image_id, "a")[0].all()) for one in records if one.scored}
    assert seen == {one.image_id: one.in_sample for one in records if one.scored}
    assert (len(seen), sum(seen.values())) == (scored, in_sample)
    assert not any(found.scored_labels(one.image_id) for one in records if not one.scored)
    assert sum(one.mined for one in records) == mined
    assert sum(one.evaluated for one in records) == evaluated
    tables = {
        "selected": found.selected_patches,
        "heldout": found.heldout_patches,
        "validation": found.validation_patches,
    }
    expected = {
        "selected": {one.image_id for one in records if one.mined},
        "heldout": {one.image_id for one in records if one.evaluated},
        "validation": {one.image_id for one in records if one.split == "validation"},
    }
    assert {name: set(table["image_id"].to_pylist()) for name, table in tables.items()} == expected
    for table in tables.values():
        for row in table.to_pylist():
            judged = row["selection"] == "top" and not seen[row["image_id"]]
            assert (row["p_value"] is not None) == (row["q_value"] is not None) == judged
    learned = [one for one in records if one.mined and one.in_sample]
    assert found.in_sample == {label: n for label in "ab" if (n := sum(label in one.labels for one in learned))}


def test_pictures_in_both_tables_are_learned_from_once_and_said_to_be(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    found = run(recipe, tmp_path / "run", *TRAINING)
    both = [one for one in found.records.values() if one.origin == "dataset" and one.split == "train"]
    assert sorted(one.path for one in both) == sorted(f"{label}/{n}.png" for label in "ab" for n in range(4))
    assert len(found.records) == 24 + 12
    assert sum("8 pictures of [dataset] are in [training] too" in text for text in found.info["warnings"]) == 1
    others = [one for one in found.records.values() if one.origin == "training"]
    assert not any(one.mined or one.scored for one in others)
    assert {found.picture(one.image_id).shape for one in others} == {(32, 32, 3)}
    assert not any(found.masks(one.image_id) for one in others), "[training] names no masks"
    kept = load_recipe(found.path / "recipe.toml")
    assert str(kept.tables["training"]["path"]) == str(recipe.parent / "other")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("training.use=folder", "training.path=other", "dataset.folds=2"),
            r"\[dataset\] folds = 2: with \[training\]",
        ),
        ((*TRAINING, "training.holdout=0.5"), r"\[training\] holdout = 0\.5"),
        (("training.use=holder", "training.path=other"), r"\[training\] use = 'holder'.*did you mean 'folder'"),
        (("training.path=other",), r"\[training\] use: this option is required; it names the dataset"),
        ((*TRAINING, "training.masc=1"), r"\[training\] \(use = 'folder'\) masc"),
    ],
)
def test_what_means_nothing_is_refused(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(recipe.parent)
    with pytest.raises(RecipeError, match=said):
        run(recipe, tmp_path / "run", *overrides)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("dataset.folds=30",), "fill .* of .dataset. folds = 30 parts"),
        (("dataset.holdout=0", "dataset.mine=heldout"), "no picture to look for patches in"),
        (("training.use=folder", "training.path=strangers"), r"no label in common: x there, a, b here"),
    ],
)
def test_what_cannot_be_done_is_said(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(recipe.parent)
    write_toy_folder(recipe.parent / "strangers", labels=("x",), per_label=2, seed=3)
    with pytest.raises(DiffmineError, match=said):
        run(recipe, tmp_path / "run", *overrides)


def test_killed_in_a_fold_it_goes_on_there_and_trains_no_finished_one_again(recipe: Path, tmp_path: Path) -> None:
    settings = ["dataset.folds=2", "dataset.holdout=0", "finetune.steps=40", "finetune.validate_every=0"]
    overrides = [part for one in settings for part in ("--set", one)]

    def launch(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "diffmine", "run", str(recipe), "--until", "finetune", *overrides]
        command += ["--out", str(tmp_path / name), "--store", str(tmp_path / f"{name}-store")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)

    whole = launch("whole")
    assert whole.wait(240) == 0, whole.stderr.read()  # type: ignore[union-attr]
    process, store = launch("killed"), tmp_path / "killed-store"
    while process.poll() is None and not list(store.glob("finetune/*.partial/*/fold-1/checkpoint-*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    (first,) = store.glob("finetune/*.partial/public/model/fold-0/unet/*.safetensors")
    trained = first.stat().st_mtime_ns
    last = launch("killed")
    assert last.wait(240) == 0, last.stderr.read()  # type: ignore[union-attr]
    (kept,) = store.glob("finetune/*/public/model/fold-0/unet/*.safetensors")
    assert kept.stat().st_mtime_ns == trained, "the finished fold was trained again"
    one, other = (diffmine.load_run(tmp_path / name) for name in ("whole", "killed"))
    assert one.info["stages"]["finetune"]["digest"] == other.info["stages"]["finetune"]["digest"]
    assert other.training_log is not None
    assert set(other.training_log["fold"].to_pylist()) == {0, 1}
    weights = [one.tools("cpu", fold).denoiser.network.state_dict() for fold in (0, 1, None)]
    assert any(not np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert all(np.array_equal(weights[0][name], weights[2][name]) for name in weights[0])
