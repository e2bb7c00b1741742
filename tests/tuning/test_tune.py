"""``diffmine tune`` for real: a tiny recipe, in processes of their own."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import diffmine
from diffmine.errors import DataError, RecipeError
from diffmine.interfaces import ComponentConfig, Event, ModelTools, Scoring, TypicalityScorer
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.tuning.tune import Tuned, loss_scorer, tune

TINY = """
name = "tiny"
seed = 1
[dataset]
use = "folder"
path = "pictures"
holdout = {holdout}
[model]
use = "patch-unet"
start = "scratch"
channels = [32, 32]
latent_channels = 8
conditioning_width = 16
[conditioning]
use = "label-embedding"
[finetune]
use = "full"
steps = 4
batch_size = 4
warmup_steps = 1
validate_every = 0
[scorer]
draws = 4
[patches]
sizes = [8, 12]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return written(tmp_path, 0.5)


def written(folder: Path, holdout: float) -> Path:
    write_toy_folder(folder / "pictures", per_label=14)
    path = folder / "tiny.toml"
    path.write_text(TINY.format(holdout=holdout), encoding="utf-8")
    return path


def command(recipe: Path, *arguments: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "diffmine", "tune", recipe.name, "--draws", "40", "--device", "cpu", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, **pipes, text=True, cwd=recipe.parent, preexec_fn=heed_interrupts)


def heed_interrupts() -> None:
    """A suite that was started in the background ignores interrupts, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_what_it_writes_is_a_recipe_that_runs(recipe: Path) -> None:
    process = command(recipe, "--json")
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    told, folder = json.loads(output), recipe.parent / "tuning" / "tiny"
    assert {path.name for path in folder.iterdir()} == {"recipe.toml", "run", "tuning.csv", "tuning.json", "tuning.png"}
    assert json.loads((folder / "tuning.json").read_text()) == told
    rows = list(csv.DictReader((folder / "tuning.csv").open()))
    assert len(rows) == len(told["tried"])
    assert [row["what"] for row in rows if row["chosen"] == "True"] == ["recipe", "timesteps", "size", "draws"]
    chosen = told["chosen"]
    tables = tomllib.loads((folder / "recipe.toml").read_text())
    assert tables["scorer"]["t_min"] == chosen["t_min"]
    assert tables["patches"] == {"size": chosen["size"], "sizes": []}
    run = diffmine.run(folder / "recipe.toml", out=recipe.parent / "run", until="patches")
    assert run.info["stages"]["finetune"]["reused"], "the model of the tuning serves the run"
    assert run.maps.draws == chosen["draws"]
    assert run.recipe.tables["scorer"]["smoothing"] == chosen["smoothing"]
    assert run.recipe.tables["patches"]["size"] == chosen["size"]


def test_an_interrupt_leaves_nothing_half_written_and_the_next_call_goes_on(
    recipe: Path, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = command(recipe)
    deadline = time.monotonic() + 600
    while not list(own_store.glob("tuning/*.partial/*.sha256")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "the same command goes on" in errors
    folder = recipe.parent / "tuning" / "tiny"
    assert [path.name for path in folder.iterdir()] == ["run"]
    done = {path: path.stat().st_mtime_ns for path in own_store.glob("tuning/*.partial/*.safetensors")}
    assert done
    events: list[Event] = []
    monkeypatch.chdir(recipe.parent)
    tune(recipe, out=folder, draws=40, device="cpu", listener=events.append)
    kept = {path.with_suffix(".safetensors").name: path for path in own_store.glob("tuning/*/*.safetensors")}
    assert all(kept[path.name].stat().st_mtime_ns == changed for path, changed in done.items())
    assert (folder / "recipe.toml").exists()
    assert not list(folder.glob(".*"))


def test_a_second_call_measures_nothing(recipe: Path, tmp_path: Path) -> None:
    first = tune(recipe, out=tmp_path / "out", draws=40, device="cpu")
    events: list[Event] = []
    again = tune(recipe, out=tmp_path / "out", draws=40, device="cpu", listener=events.append)
    assert all(event.reused for event in events if event.what == "stage finished" and event.stage != "choose")
    assert written_by(again) == written_by(first)


def written_by(tuned: Tuned) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tuned.folder.iterdir() if path.is_file()}


def test_settings_that_may_be_chance_are_warned_of(recipe: Path, tmp_path: Path) -> None:
    """Four steps teach nothing."""
    events: list[Event] = []
    tune(recipe, out=tmp_path / "out", draws=40, device="cpu", listener=events.append)
    assert any("may be chance" in event.text for event in events if event.what == "warning")


def test_nothing_is_finetuned_where_no_picture_is_kept_back(tmp_path: Path, own_store: Path) -> None:
    recipe = written(tmp_path, 0.0)
    with pytest.raises(DataError, match=r"no pictures are unseen.*holdout"):
        tune(recipe, out=tmp_path / "out", device="cpu")
    assert not (own_store / "finetune").exists()


class Bright(TypicalityScorer):
    """A scorer without a diffusion model."""

    name = "bright"

    def open(self, tools: ModelTools) -> Scoring:
        raise AssertionError("never opened")


def test_a_scorer_without_denoising_losses_has_no_timesteps_to_choose(recipe: Path) -> None:
    resolved = resolve(load_recipe(recipe), registry())
    other = replace(resolved, components=replace(resolved.components, scorer=Bright(ComponentConfig())))
    with pytest.raises(RecipeError, match=r"'bright' does not compare denoising losses.*\"diffusion\""):
        loss_scorer(other)


@pytest.mark.parametrize("draws", [38, 41])
def test_draws_that_are_too_few_or_odd(recipe: Path, draws: int) -> None:
    with pytest.raises(RecipeError, match=f"draws = {draws}: must be even and at least 40"):
        tune(recipe, draws=draws)


def test_the_path_of_the_recipe_is_found_from_anywhere(recipe: Path, tmp_path: Path) -> None:
    tuned = tune(recipe, out=tmp_path / "far" / "away", draws=40, device="cpu")
    assert load_recipe(tuned.folder / "recipe.toml").header.name == "tiny-tuned"
