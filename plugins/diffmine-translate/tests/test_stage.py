"""The whole stage on tiny genuine checkpoints: what it writes is what it says, and a killed run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from diffmine_translate.figures import NOTHING, AcrossLabels, Translated
from diffmine_translate.places import OUTCOMES
from diffmine_translate.reading import Translations, box_of
from diffmine_translate.sources import SHARD_SIZE, Source
from diffmine_translate.view import AcrossLabelsView

import diffmine
from diffmine.builtin.models.stable_diffusion_denoiser import StableDiffusionDenoiser
from diffmine.engine.estimate import estimate
from diffmine.engine.work import RunInputs
from diffmine.errors import RecipeError
from diffmine.interfaces import Event, Figure, Progress, Stage, View
from diffmine.numerics.upsampling import upsample
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.contents import Contents
from diffmine.runs.run import Run
from diffmine.testing.contracts.figures import FigureContract
from diffmine.testing.contracts.stages import StageContract
from diffmine.testing.contracts.views import ViewContract
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toys import tiny_stable_diffusion

OPTIONS: dict[str, Any] = {"per_label": 2, "steps": 2, "refinements": 1, "evidence_draws": 4, "guidance": 2.0}
TABLE = "\n[translate]\n" + "".join(f"{name} = {value}\n" for name, value in OPTIONS.items())


class TestTranslate(StageContract):
    """On the tiny Stable Diffusion's run: at the toy run's size, with a hundred draws, this would take minutes."""

    @pytest.fixture
    def stage(self) -> Stage:
        built = registry().build(KIND_OF_NAME["stages"], "translate", OPTIONS)
        assert isinstance(built, Stage)
        return built

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, finished: Run) -> Run:
        return finished

    @pytest.fixture(scope="class")
    @classmethod
    def inputs(cls, finished: Run) -> RunInputs:
        stages = finished.info["stages"].items()
        artifacts = {name: Path(finished.info["store"], name, entry["key"]) for name, entry in stages}
        return RunInputs(resolve(finished.recipe, registry()), artifacts)


class TestAcrossLabels(FigureContract):
    @pytest.fixture
    def figure(self) -> Figure:
        return AcrossLabels(AcrossLabels.Config())


class TestTranslated(FigureContract):
    @pytest.fixture
    def figure(self) -> Figure:
        return Translated(Translated.Config())


class TestAcrossLabelsView(ViewContract):
    @pytest.fixture
    def view(self) -> View:
        return AcrossLabelsView(AcrossLabelsView.Config())


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy pictures of two labels, a tiny Stable Diffusion, translated; nothing is finetuned."""
    folder = tmp_path_factory.mktemp("recipe")
    sd = tiny_stable_diffusion(folder / "sd")
    path = write_tiny_recipe(folder, per_label=8, extra=TABLE)
    text = path.read_text()
    start, end = text.index("[model]"), text.index("[scorer]")
    model = f'[model]\nuse = "stable-diffusion"\npath = "{sd}"\n[conditioning]\nuse = "clip-text"\n'
    path.write_text((text[:start] + model + text[end:]).replace('["terminal"]', '["html", "terminal"]'))
    return path


@pytest.fixture(scope="module")
def forwards() -> Counter[str]:
    return Counter()


@pytest.fixture(scope="module")
def finished(recipe: Path, tmp_path_factory: pytest.TempPathFactory, forwards: Counter[str]) -> Run:
    """Run, with the pictures that pass through the network counted from where translating begins."""
    folder = tmp_path_factory.mktemp("run")
    diffmine.run(recipe, out=folder / "run", store=folder / "store", until="clusters")
    with pytest.MonkeyPatch.context() as patch:
        for method in ("predict", "block_features"):
            original = getattr(StableDiffusionDenoiser, method)

            def counted(self: Any, noisy: torch.Tensor, *rest: Any, original: Any = original) -> torch.Tensor:
                forwards["rows"] += len(noisy)
                return original(self, noisy, *rest)

            patch.setattr(StableDiffusionDenoiser, method, counted)
        diffmine.run(recipe, out=folder / "run", store=folder / "store", until="translate")
    return diffmine.run(recipe, out=folder / "run", store=folder / "store")


@pytest.fixture(scope="module")
def run(finished: Run) -> Run:
    return finished


def test_the_cost_is_what_is_said_beforehand(run: Run, recipe: Path, forwards: Counter[str]) -> None:
    cost = estimate(resolve(load_recipe(recipe), registry()), "cpu")
    assert cost.further_passes == {"translate": forwards["rows"]}
    assert cost.stage_seconds["translate"] > 0


def test_translations_are_scored_as_pictures_of_their_label(run: Run) -> None:
    """Each figure in the table against the run's own scorer, asked anew."""
    found, tools = Translations.of(run), run.tools()
    assert found is not None
    assert Counter(source for _, source in found.pictures) == {"a": 2, "b": 2}
    scoring = resolve(run.recipe, registry()).components.scorer.open(tools)
    for (image_id, source), rows in found.pictures.items():
        record, versions = run.records[image_id], found.versions(image_id, source)
        assert [row["target"] for row in rows] == ["a", "b"] == found.labels
        for row, pixels in zip(rows, versions, strict=True):
            asked = Source(record, source, ()).version(row["target"], pixels)
            ((one,),) = scoring.score([asked], [[row["target"]]], Progress())
            assert one.influence is not None
            assert row["typicality"] == pytest.approx(one.mean.mean(), rel=1e-3, abs=1e-6)
            assert row["influence"] == pytest.approx(one.influence.mean(), rel=1e-3, abs=1e-6)
            assert row["seen_as"] == found.labels[int(np.argmax(row["evidence"]))]
            same = np.array_equal(pixels, run.picture(image_id))
            assert same is (row["target"] == source) is not row["translated"]
            assert (row["psnr"] == 99) is same


def test_places_are_what_the_maps_say(run: Run) -> None:
    """With two labels the median is the mean of the two."""
    found = Translations.of(run)
    assert found is not None
    changes = pq.read_table(run.file("place_changes.parquet")).to_pylist()
    assert found.places
    for place, change in zip(found.places, changes, strict=True):
        image = upsample(run.maps.load(place["image_id"], place["source"]).mean, 8, 32, 32)
        own = image[box_of(place).slices()].mean()
        assert change["own_before"] == pytest.approx(own, rel=1e-3, abs=1e-6)
        assert place["co_typicality"] == pytest.approx((own + change["after"]) / 2, rel=1e-3, abs=1e-6)
        assert change["target"] != place["source"]
    values = [place["co_typicality"] for place in found.places]
    assert values == sorted(values, reverse=True)
    assert Counter(place["cluster"] for place in found.places) == {
        one["cluster"]: one["size"] for one in found.clusters
    }


def test_trends_count_what_became_of_every_place(run: Run) -> None:
    found = Translations.of(run)
    assert found is not None
    counted = Counter(
        (place["cluster"], place["source"], target, found.outcomes[place["place"], target])
        for place in found.places
        for target in found.labels
        if target != place["source"]
    )
    told = {
        (row["cluster"], row["source"], row["target"], name): row[name] for row in found.trends for name in OUTCOMES
    }
    assert {key: count for key, count in told.items() if count} == counted
    assert all(row["places"] == sum(row[name] for name in OUTCOMES) >= row["seen_as_target"] for row in found.trends)


def test_the_run_is_shown(run: Run, tmp_path: Path) -> None:
    data = AcrossLabelsView(AcrossLabelsView.Config()).data(run)
    assert data["labels"] == ["a", "b"]
    assert sum(cluster["places"] for cluster in data["clusters"]) == len(Translations(run).places)
    assert all(one.startswith("data:image/webp;base64,") for picture in data["pictures"] for one in picture["versions"])
    assert "Across labels" in (run.path / "report" / "index.html").read_text(encoding="utf-8")
    for kind in (AcrossLabels, Translated):
        panel = kind(kind.Config()).panel(Contents(run), "a", 2, 7)
        assert panel.columns == ["a", "b"]
        assert list(panel.names) != [NOTHING]
        drawing = run.figure(kind.name, ["a"])
        drawing.save(tmp_path / f"{kind.name}.png")
        assert [name.get_text() for name in drawing.figure.axes[0].get_xticklabels()] == ["a", "b"]


def test_nothing_to_inject_into_is_said_when_it_matters(recipe: Path, run: Run, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="feature_steps"):
        resolve(load_recipe(recipe, ["translate.feature_steps=2"]), registry())
    with pytest.raises(diffmine.errors.StageError, match=r"features_at = \[9, 9\]: this model has no such residual"):
        diffmine.run(recipe, out=tmp_path, store=run.info["store"], overrides=["translate.features_at=[9, 9]"])


def test_killed_it_goes_on_and_ends_with_the_same_digest(recipe: Path, run: Run, tmp_path: Path) -> None:
    """kill -9 once a shard is committed, while another is not."""
    changes = ["translate.per_label=6"]
    store, out = tmp_path / "store", tmp_path / "out"
    shutil.copytree(run.info["store"], store)
    command = [sys.executable, "-m", "diffmine", "run", str(recipe), "--out", str(out), "--store", str(store), "-q"]
    for change in changes:
        command += ["--set", change]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums end in the same bits
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    shards, deadline = "translate/*.partial/**/translations/shards/*.sha256", time.monotonic() + 480
    while not (done := list(store.glob(shards))) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(done) == 1, "of two"

    events: list[Event] = []
    options: dict[str, Any] = {"overrides": changes, "until": "translate"}
    diffmine.run(recipe, out=out, store=store, listener=events.append, **options)
    advanced = [one.amount for one in events if one.stage == "translate" and one.what == "advanced"]
    assert advanced[0] == SHARD_SIZE, "what was done is not done again"
    whole = diffmine.run(recipe, out=tmp_path / "whole", store=run.info["store"], **options)
    assert digest_of(out) == digest_of(whole.path)


def digest_of(folder: Path) -> str:
    return str(diffmine.load_run(folder).info["stages"]["translate"]["digest"])
