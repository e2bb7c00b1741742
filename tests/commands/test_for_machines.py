"""What the commands print for machines, what ``--quiet`` keeps back, and what ``clean`` takes away."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from diffmine.commands.cli import main
from diffmine.testing.tiny_recipe import TINY_RECIPE, write_tiny_recipe
from diffmine.testing.toy_runs import write_toy_run

Command = Callable[..., str]


@pytest.fixture
def diffmine(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command that succeeds; its standard output."""

    def call(*arguments: object) -> str:
        main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return call


def test_the_schema_accepts_recipes_and_refuses_mistakes(diffmine: Command) -> None:
    validator = Draft202012Validator(json.loads(diffmine("schema")))
    shipped = Path(__file__).parents[2] / "recipes" / "quickstart.toml"
    for text in (TINY_RECIPE, shipped.read_text(encoding="utf-8")):
        assert not list(validator.iter_errors(tomllib.loads(text)))
    for good, bad in (
        ('use = "kmeans"', 'use = "kmean"'),
        ("n_clusters = 3", "n_cluster = 3"),
        ("n_clusters = 3", "n_clusters = 0"),
        ("holdout = 0.25", 'holdout = "a quarter"'),
        ("[patches]", "[patch]"),
    ):
        assert list(validator.iter_errors(tomllib.loads(TINY_RECIPE.replace(good, bad)))), bad


def test_a_run_is_told_as_json_and_nothing_when_quiet(diffmine: Command, tmp_path: Path) -> None:
    run = ("run", write_tiny_recipe(tmp_path), "--out", tmp_path / "run", "--until", "images")
    told = json.loads(diffmine(*run, "--json"))
    assert (told["run"], told["name"], told["complete"]) == (str(tmp_path / "run"), "tiny", False)
    assert set(told["stages"]) == {"images"}
    assert diffmine(*run, "--quiet") == ""


def test_check_leaves_out_what_is_stored(diffmine: Command, own_store: Path, tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    before = json.loads(diffmine("check", recipe, "--json"))["cost"]
    assert before["stored"] == []
    assert not own_store.exists(), "check writes nothing"
    diffmine("run", recipe, "--out", tmp_path / "run", "--until", "typicality", "--quiet")
    after = json.loads(diffmine("check", recipe, "--json"))["cost"]
    assert after["stored"] == ["images", "finetune", "typicality"]
    assert after["seconds"] == after["stage_seconds"]["features"]
    changed = json.loads(diffmine("check", recipe, "--json", "--set", "scorer.draws=7"))["cost"]
    assert changed["stored"] == ["images", "finetune"]
    assert "computed already" in diffmine("check", recipe)
    assert (before["forwards"], after["forwards"]) == (
        3 * before["training_passes"] + before["scoring_passes"] + before["feature_passes"],
        before["feature_passes"],
    )
    hours = diffmine("check", recipe, "--rate", str(after["forwards"] / 7200))
    assert "2 h 00 min of one worker of 'local'" in hours


def test_show_sums_a_run_up(diffmine: Command, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, labels=["a", "b"], clusters=2, members=8, flags=[("b", 1, "possible shortcut")])
    told = json.loads(diffmine("show", run.path, "--json"))
    assert told["metrics"] == run.metrics
    assert told["flags"][0]["mark"] == "possible shortcut"
    mined = [row for row in run.patches.to_pylist() if (row["label"], row["selection"]) == ("b", "top")]
    of_b = told["labels"]["b"]
    assert (of_b["patches"], of_b["outliers"]) == (len(mined), sum(row["cluster"] == -1 for row in mined))
    assert [(one["cluster"], one["size"], one["marks"]) for one in of_b["clusters"]] == [
        (row["cluster"], row["size"], ["possible shortcut"] * row["cluster"])
        for row in run.clusters.to_pylist()
        if row["label"] == "b"
    ]
    with pytest.raises(SystemExit):
        diffmine("show", run.path, "--json", "--label", "b")


def test_clean_takes_what_no_run_refers_to(diffmine: Command, own_store: Path, tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    for name, seed in (("kept", 1), ("gone", 2)):
        diffmine("run", recipe, "--out", tmp_path / name, "--until", "images", "--set", f"seed={seed}")
    artifacts = set((own_store / "images").glob("[!.]*"))
    assert "0 artifacts" in diffmine("clean")
    shutil.rmtree(tmp_path / "gone")
    assert "1 artifacts" in diffmine("clean", "--dry-run")
    assert set((own_store / "images").glob("[!.]*")) == artifacts
    diffmine("clean")
    assert set((own_store / "images").glob("[!.]*")) < artifacts
    assert json.loads(diffmine("run", recipe, "--out", tmp_path / "kept", "--until", "images", "--json"))["stages"][
        "images"
    ]["reused"]


def test_clean_reads_everything_where_it_is_told_to(diffmine: Command, own_store: Path, tmp_path: Path) -> None:
    again = ("run", write_tiny_recipe(tmp_path), "--out", tmp_path / "run", "--until", "images", "--json")
    diffmine(*again)
    assert "0 damaged artifacts" in diffmine("clean", "--verify")
    (table,) = own_store.glob("images/*/public/images.parquet")
    table.write_bytes(table.read_bytes()[:-1])
    assert "images.parquet has changed" in diffmine("clean", "--verify", "--dry-run")
    assert table.exists()
    assert "1 damaged artifacts" in diffmine("clean", "--verify")
    assert not table.exists()
    assert not json.loads(diffmine(*again))["stages"]["images"]["reused"]
