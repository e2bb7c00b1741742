"""The whole pipeline on toy pictures: results, reuse, kills, failures. Real files, real processes."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

import diffmine
from diffmine.builtin.selectors.top import Top
from diffmine.errors import ArtifactError, DataError, ModelError, RecipeError, StageError
from diffmine.interfaces import Event
from diffmine.numerics.upsampling import window_means
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe

NAMES = [
    "images",
    "finetune",
    "typicality",
    "patches",
    "features",
    "clusters",
    "metrics",
    "checks",
    "report",
]


def digests(run: Run) -> dict[str, str]:
    return {name: entry["digest"] for name, entry in run.info["stages"].items()}


def reused(run: Run) -> set[str]:
    return {name for name, entry in run.info["stages"].items() if entry["reused"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def recipe(folder: Path) -> Path:
    return write_tiny_recipe(folder)


@pytest.fixture(scope="module")
def finished(folder: Path, recipe: Path) -> Run:
    return diffmine.run(recipe, out=folder / "run", store=folder / "store")


def test_every_stage_is_there_and_the_tables_hang_together(finished: Run) -> None:
    assert list(finished.info["stages"]) == NAMES
    assert finished.info["complete"]
    splits = finished.images.group_by(["label", "split"]).aggregate([([], "count_all")]).to_pylist()
    assert {(row["label"], row["split"]): row["count_all"] for row in splits} == {
        (label, split): count for label in ("a", "b") for split, count in (("train", 9), ("heldout", 3))
    }
    patches = finished.patches.to_pylist()
    assert {row["selection"] for row in patches} == {"top", "least", "random"}
    train = {record.image_id for record in finished.records.values() if record.split == "train"}
    assert {row["image_id"] for row in patches} == train
    assert len(finished.features) == len(patches)
    assert len(finished.heldout_features) == finished.heldout_patches.num_rows
    np.testing.assert_allclose(np.linalg.norm(finished.features, axis=1), 1, atol=1e-5)
    for row in patches:
        assert (row["cluster"] is None) == (row["selection"] != "top")
        assert row["y1"] - row["y0"] == row["x1"] - row["x0"] == 8
        assert 0 <= row["y0"] < row["y1"] <= 32


def test_clusters_sum_up_their_patches(finished: Run) -> None:
    for row in finished.clusters.to_pylist():
        members = finished.patches.filter((pc.field("label") == row["label"]) & (pc.field("cluster") == row["cluster"]))
        assert members.num_rows == row["size"]
        assert len(set(members["image_id"].to_pylist())) == row["images"]
        assert float(np.median(members["typicality"])) == pytest.approx(row["median_typicality"], rel=1e-5)
    for label in finished.labels:
        of_label = [row for row in finished.clusters.to_pylist() if row["label"] == label]
        medians = [row["median_typicality"] for row in sorted(of_label, key=lambda row: row["rank"])]
        assert medians == sorted(medians, reverse=True)


def test_what_is_warned_of_a_cluster_is_published_as_flags(finished: Run) -> None:
    assert set(finished.info["stages"]["metrics"]["published"]) == {"metrics.json"}
    about = [text for text in finished.info["warnings"] if re.match(r"label '[ab]', cluster \d+: ", text)]
    assert [flag.sentence for flag in finished.flags] == about
    known = {(row["label"], row["cluster"]) for row in finished.clusters.to_pylist()}
    assert {(flag.label, flag.cluster) for flag in finished.flags} <= known


def test_without_masks_a_run_still_says_how_well_labels_are_told_apart(
    folder: Path, recipe: Path, finished: Run
) -> None:
    bare = folder / "bare.toml"
    bare.write_text(recipe.read_text(encoding="utf-8").replace('masks = "pictures-masks"\n', ""), encoding="utf-8")
    run = diffmine.run(bare, out=folder / "bare", store=folder / "store")
    assert set(run.metrics) <= {"label_auc", "typical_share", "fitting_size"}, "these need no masks"
    assert run.metrics["label_auc"] == finished.metrics["label_auc"]


def test_patch_typicality_is_the_mean_of_the_map(finished: Run) -> None:
    for row in finished.patches.slice(0, 20).to_pylist():
        image = finished.typicality_image(row["image_id"], row["label"])
        inside = image[row["y0"] : row["y1"], row["x0"] : row["x1"]]
        assert inside.mean() == pytest.approx(row["typicality"], abs=1e-5)


def test_the_mix_places_patches_and_typicality_judges_them(finished: Run, recipe: Path, folder: Path) -> None:
    mixed = diffmine.run(
        recipe, out=folder / "mixed", store=folder / "store", overrides=["patches.place=mix"], until="patches"
    )
    assert reused(mixed) == {"images", "finetune", "typicality"}, "no forward more"
    best = {}
    for row in mixed.selected_patches.to_pylist():
        if row["selection"] == "top":
            best.setdefault((row["image_id"], row["label"]), []).append(row)
    assert best
    for (image_id, label), rows in best.items():
        highest = window_means(mixed.placing_image(image_id, label), 8).max()
        places = [mixed.placing_image(image_id, label)[row["y0"] : row["y1"], row["x0"] : row["x1"]] for row in rows]
        assert max(one.mean() for one in places) == pytest.approx(highest, rel=1e-4)
        for row in rows:
            inside = mixed.typicality_image(image_id, label)[row["y0"] : row["y1"], row["x0"] : row["x1"]]
            assert inside.mean() == pytest.approx(row["typicality"], abs=1e-5)
    for label in mixed.labels:
        of_label = [row for rows in best.values() for row in rows if row["label"] == label]
        values = [row["typicality"] for row in sorted(of_label, key=lambda row: row["rank"])]
        assert values == sorted(values, reverse=True)
    image_id, label = next(iter(best))
    influence, stderr = mixed.influence(image_id, label)
    np.testing.assert_array_equal(mixed.maps.load(image_id, label).influence, influence)
    assert stderr.shape == influence.shape
    typicality, _ = mixed.typicality(image_id, label)
    np.testing.assert_allclose(mixed.placing(image_id, label), influence + 0.1 * (typicality - influence), atol=1e-6)
    np.testing.assert_array_equal(
        finished.placing_image(image_id, label),
        finished.typicality_image(image_id, label),
        "the default is the paper's",
    )


def test_maps_are_float32_on_the_latent_grid(finished: Run) -> None:
    record = next(iter(finished.records.values()))
    mean, stderr = finished.typicality(record.image_id, record.labels[0])
    assert mean.dtype == stderr.dtype == np.float32
    assert mean.shape == stderr.shape == (record.height // finished.stride, record.width // finished.stride)
    with pytest.raises(KeyError, match="not scored under 'zebra'"):
        finished.typicality(record.image_id, "zebra")


def test_the_resolved_recipe_gives_the_same_digests(finished: Run, folder: Path) -> None:
    again = diffmine.run(finished.path / "recipe.toml", out=folder / "again", store=folder / "another-store")
    assert not reused(again)
    assert digests(again) == digests(finished)


def test_the_same_recipe_is_taken_from_the_store(finished: Run, recipe: Path, folder: Path) -> None:
    again = diffmine.run(recipe, out=folder / "second", store=folder / "store")
    assert reused(again) == set(NAMES)
    assert digests(again) == digests(finished)
    assert again.patches.equals(finished.patches)


def test_a_listener_hears_of_every_stage_and_of_the_warnings_of_stored_ones(
    finished: Run, recipe: Path, folder: Path
) -> None:
    heard: list[Event] = []
    out, store = folder / "heard", folder / "store"
    again = diffmine.run(recipe, out=out, store=store, overrides=["clusterer.n_clusters=4"], listener=heard.append)
    assert "clusters" not in reused(again)
    assert "features" in reused(again)
    assert {event.run for event in heard} == {"tiny"}
    assert (heard[0].what, heard[0].names) == ("run started", tuple(again.info["stages"]))
    assert heard[-1].what == "run finished"
    ends = [(event.stage, event.reused) for event in heard if event.what == "stage finished"]
    assert ends == [(name, entry["reused"]) for name, entry in again.info["stages"].items()]
    assert [event.stage for event in heard if event.what == "stage started"] == [stage for stage, _ in ends]
    assert {event.stage for event in heard if event.what == "work started"}.isdisjoint(reused(again))

    heard.clear()
    again = diffmine.run(recipe, out=out, store=store, listener=heard.append)
    assert reused(again) == set(NAMES)
    assert again.info["warnings"] == finished.info["warnings"] != []
    assert [event.text for event in heard if event.what == "warning"] == finished.info["warnings"]


@pytest.mark.parametrize(
    ("override", "recomputed"),
    [
        ("clusterer.n_clusters=2", {"clusters", "metrics", "checks", "report"}),
        ("patches.size=10", {"patches", "features", "clusters", "metrics", "checks", "report"}),
        ("scorer.batch_size=3", set()),
        ("executor.workers=2", set()),
        ("report.terminal.clusters=1", {"report"}),
        ("finetune.steps=5", set(NAMES) - {"images"}),
        # A centre crop of a square picture is the picture: the weights are the same, and so is what follows.
        ("dataset.crop=center", {"finetune"}),
    ],
)
def test_only_what_changed_is_computed_again(
    finished: Run, recipe: Path, folder: Path, override: str, recomputed: set[str]
) -> None:
    again = diffmine.run(recipe, out=folder / "changed", store=folder / "store", overrides=[override])
    assert set(NAMES) - reused(again) == recomputed


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as each of two workers has: sums over more come out differently in their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_several_processes_give_the_same_maps_and_features(
    finished: Run, recipe: Path, folder: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffmine.builtin.stages.typicality.SHARD_SIZE", 12)  # two shards, for two workers
    monkeypatch.setattr("diffmine.builtin.stages.features.SHARD_SIZE", 12)
    for name, workers in (("one", 1), ("two", 2)):
        store = folder / f"{name}-store"
        for stage in ("images", "finetune"):
            shutil.copytree(folder / "store" / stage, store / stage)
        diffmine.run(
            recipe, out=folder / name, store=store, overrides=[f"executor.workers={workers}"], until="features"
        )
    one, two = (diffmine.load_run(folder / name) for name in ("one", "two"))
    assert reused(two) == {"images", "finetune"}
    assert digests(two) == digests(one)


def test_the_base_model_does_not_pass_for_the_finetuned_one(finished: Run, recipe: Path, folder: Path) -> None:
    begun = diffmine.run(recipe, out=folder / "begun", store=folder / "store", until="images")
    with pytest.raises(ArtifactError, match="the stage 'finetune' has not run yet"):
        begun.tools()
    assert finished.tools().pretrained


def test_until_stops_and_the_run_says_that_it_is_incomplete(recipe: Path, folder: Path) -> None:
    partial = diffmine.run(recipe, out=folder / "partial", store=folder / "store", until="patches")
    assert list(partial.info["stages"]) == ["images", "finetune", "typicality", "patches"]
    assert not partial.info["complete"]
    assert set(partial.selected_patches["selection"].to_pylist()) == {"top", "least", "random"}
    for table in ("patches", "clusters"):
        with pytest.raises(ArtifactError, match=rf"{table}\.parquet is missing"):
            getattr(partial, table)
    with pytest.raises(RecipeError, match="did you mean 'patches'"):
        diffmine.run(recipe, out=folder / "partial", store=folder / "store", until="patch")


def test_damage_in_the_store_is_mended_with_a_warning(
    finished: Run, recipe: Path, tmp_path: Path, folder: Path
) -> None:
    store = tmp_path / "harmed"
    shutil.copytree(folder / "store", store)
    (shard,) = (store / "typicality" / finished.info["stages"]["typicality"]["key"] / "shards").glob("*")
    shard.write_bytes(shard.read_bytes()[:-3])
    again = diffmine.run(recipe, out=tmp_path / "run", store=store)
    assert digests(again) == digests(finished)
    assert any("damaged" in text and shard.name in text for text in again.info["warnings"])


def test_a_changed_fact_is_computed_again(finished: Run, recipe: Path, tmp_path: Path, folder: Path) -> None:
    store = tmp_path / "harmed"
    shutil.copytree(folder / "store", store)
    manifest = store / "images" / finished.info["stages"]["images"]["key"] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"warnings": []', '"warnings": ["all is well"]'))
    again = diffmine.run(recipe, out=tmp_path / "run", store=store, until="images")
    assert digests(again)["images"] == digests(finished)["images"]
    assert not reused(again)
    (warning,) = again.info["warnings"]
    assert "manifest.json has changed; it is computed again" in warning


def test_fresh_ignores_the_store(finished: Run, recipe: Path, folder: Path) -> None:
    again = diffmine.run(recipe, out=folder / "fresh", store=folder / "fresh-store", until="images")
    again = diffmine.run(recipe, out=folder / "fresh", store=folder / "fresh-store", until="images", fresh=True)
    assert not reused(again)


def test_fresh_from_a_stage_keeps_those_before_it(finished: Run, recipe: Path, folder: Path) -> None:
    again = diffmine.run(recipe, out=folder / "from", store=folder / "store", fresh_from="clusters")
    assert reused(again) == set(NAMES[: NAMES.index("clusters")])
    assert digests(again) == digests(finished)
    with pytest.raises(RecipeError, match="fresh_from = 'cluster': there is no such stage; did you mean 'clusters'"):
        diffmine.run(recipe, out=folder / "from", store=folder / "store", fresh_from="cluster")
    with pytest.raises(RecipeError, match="'clusters' comes after the last stage to run, 'images'"):
        diffmine.run(recipe, out=folder / "from", store=folder / "store", fresh_from="clusters", until="images")


@pytest.mark.parametrize("fails_between", [False, True])
def test_a_shorter_rerun_takes_away_what_it_did_not_reach(
    recipe: Path, tmp_path: Path, folder: Path, fails_between: bool
) -> None:
    out, store = tmp_path / "run", folder / "store"
    diffmine.run(recipe, out=out, store=store)
    if fails_between:
        with pytest.raises(StageError):
            diffmine.run(recipe, out=out, store=store, overrides=["features.block=7"])
        left = diffmine.load_run(out)
        assert "cluster" in left.patches.column_names, "what is there fits together"
        assert left.clusters.num_rows
    shorter = diffmine.run(recipe, out=out, store=store, until="patches")
    gone = {"patches.parquet", "clusters.parquet", "metrics.json", "flags.json"}
    assert {path.name for path in out.iterdir()}.isdisjoint(gone)
    assert shorter.info["leftover"] == {}


def test_a_rerun_takes_away_what_is_no_longer_published(recipe: Path, folder: Path) -> None:
    one = diffmine.run(recipe, out=folder / "shrinks", store=folder / "store", overrides=['report.use=["figures"]'])
    assert list((one.path / "figures").iterdir())
    two = diffmine.run(recipe, out=folder / "shrinks", store=folder / "store")
    assert not (two.path / "figures").exists()


def launch(recipe: Path, out: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "diffmine", "run", str(recipe), "--out", str(out), "--store", str(store), "-q"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, preexec_fn=heed_interrupts
    )


def heed_interrupts() -> None:
    """A suite that was started in the background ignores interrupts, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: object, process: subprocess.Popen[bytes], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not condition() and process.poll() is None:  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_digests(recipe: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of several stages and at random moments, then the same command."""
    whole = launch(recipe, tmp_path / "whole", tmp_path / "whole-store")
    assert whole.wait(240) == 0, whole.stderr.read()  # type: ignore[union-attr]
    expected = digests(diffmine.load_run(tmp_path / "whole"))
    store, out = tmp_path / "store", tmp_path / "out"
    for stage in ("images", "finetune", "typicality", "features"):
        process = launch(recipe, out, store)
        wait_for(lambda stage=stage: list(store.glob(f"{stage}/*.partial")), process)
        time.sleep(random.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = launch(recipe, out, store)
    assert last.wait(240) == 0, last.stderr.read()  # type: ignore[union-attr]
    finished = diffmine.load_run(out)
    assert digests(finished) == expected
    assert not list(store.glob("*/*.partial"))


def test_an_interrupt_leaves_a_clean_state_and_says_how_to_go_on(recipe: Path, tmp_path: Path) -> None:
    process = launch(recipe, tmp_path / "out", tmp_path / "store")
    wait_for(lambda: list((tmp_path / "store").glob("finetune/*.partial")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"the same command goes on" in errors
    assert b"Traceback" not in errors
    assert not json.loads((tmp_path / "out" / "run.json").read_text())["complete"]


def test_two_writers_of_one_run_folder(recipe: Path, tmp_path: Path) -> None:
    process = launch(recipe, tmp_path / "out", tmp_path / "store")
    wait_for(lambda: list((tmp_path / "store").glob("finetune/*.partial")), process)
    with pytest.raises(ArtifactError, match=f"being written by process {process.pid}"):
        diffmine.run(recipe, out=tmp_path / "out", store=tmp_path / "store")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert diffmine.run(recipe, out=tmp_path / "out", store=tmp_path / "store", until="images").images.num_rows == 24


def test_pictures_that_cannot_be_used_are_no_components_fault(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    for picture in (tmp_path / "pictures" / "a").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(StageError, match=r"^stage 'images' failed: 12 of 24 pictures cannot be used") as caught:
        diffmine.run(recipe, out=tmp_path / "run")
    assert isinstance(caught.value.__cause__, DataError)
    assert "max_bad_fraction" in str(caught.value)


def test_a_model_that_learned_nothing_is_not_mined(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    with pytest.raises(StageError) as caught:
        diffmine.run(recipe, out=tmp_path / "run", overrides=["finetune.use=none"])
    assert isinstance(caught.value.__cause__, ModelError)


def test_one_bad_picture_is_listed_and_the_run_goes_on(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    (tmp_path / "pictures" / "a" / "bad.png").write_bytes(b"no picture")
    (tmp_path / "pictures" / "b" / "copy.png").write_bytes((tmp_path / "pictures" / "a" / "0.png").read_bytes())
    run = diffmine.run(recipe, out=tmp_path / "run", until="images")
    assert {row["path"]: row["cause"].partition(":")[0] for row in run.skipped} == {
        "a/bad.png": "not a picture in one of the formats JPEG, PNG, WEBP, BMP, TIFF, GIF",
        "b/copy.png": "duplicate of a/0.png",
    }
    assert run.images.num_rows == 24
    assert next(record for record in run.records.values() if record.path == "a/0.png").labels == ("a", "b")
    assert len(run.info["warnings"]) == 2


def test_p_values_hold_patches_against_those_of_images_without_the_label(finished: Run) -> None:
    selector = Top(
        Top.Config.model_validate({k: v for k, v in finished.recipe.tables["patches"].items() if k != "use"})
    )
    null = [
        one.typicality
        for record in finished.records.values()
        if record.evaluated and "a" not in record.labels and "a" in finished.scored_labels(record.image_id)
        for one in selector.select(
            finished.maps.load(record.image_id, "a"),
            record,
            partial(finished.picture, record.image_id),
            stride=finished.stride,
            seed=finished.recipe.header.seed,
        )
    ]
    assert null
    assert finished.in_sample == {"a": 9, "b": 9}
    assert finished.patches["p_value"].null_count == len(finished.patches), "the model has learned from these pictures"
    assert finished.clusters["at_least"].null_count == len(finished.clusters)
    rows = [row for row in finished.heldout_patches.to_pylist() if row["label"] == "a"]
    (told,) = [row for row in finished.evidence.to_pylist() if (row["table"], row["label"]) == ("heldout", "a")]
    assert (told["nulls"], told["smallest_q"]) == (len(null), pytest.approx(1 / (1 + len(null))))
    assert {row["selection"] for row in rows if row["p_value"] is not None} == {"top"}
    for row in (row for row in rows if row["selection"] == "top"):
        at_least = sum(np.float32(value) >= np.float32(row["typicality"]) for value in null)
        assert row["p_value"] == pytest.approx((1 + at_least) / (1 + len(null)), rel=1e-6)
        assert row["q_value"] >= row["p_value"]


def test_outliers_alone_are_a_result(recipe: Path, folder: Path, finished: Run) -> None:
    overrides = ['clusterer.use="hdbscan"', "clusterer.min_cluster_size=100"]
    run = diffmine.run(recipe, out=folder / "outliers", store=folder / "store", overrides=overrides)
    assert run.info["complete"]
    assert run.clusters.num_rows == 0
    assert pc.unique(run.patches.filter(pc.equal(run.patches["selection"], "top"))["cluster"]).to_pylist() == [-1]
    assert any("fewer patches" in warning for warning in run.info["warnings"])


def test_a_recipe_names_a_component_of_another_distribution(recipe: Path, folder: Path, finished: Run) -> None:
    """``plugins/diffmine-example``, installed beside diffmine."""
    run = diffmine.run(recipe, out=folder / "ward", store=folder / "store", overrides=["clusterer.use=ward"])
    assert reused(run) == {"images", "finetune", "typicality", "patches", "features"}
    assert run.recipe.tables["clusterer"]["use"] == "ward"
    assert run.clusters.num_rows > 0
    assert "diffmine-example" in json.dumps(run.info)
