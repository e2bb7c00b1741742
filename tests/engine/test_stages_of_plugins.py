from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import Field

from diffmine import hookimpl
from diffmine.engine.pipeline import Options, Pipeline
from diffmine.errors import RecipeError, StageError
from diffmine.interfaces import (
    ComponentConfig,
    FeatureExtractor,
    ModelTools,
    Progress,
    Scoring,
    Stage,
    TrainingSet,
    TypicalityScorer,
    Work,
)
from diffmine.interfaces.progress import nobody
from diffmine.plugins.manager import PluginManager, Source, load_plugins
from diffmine.plugins.registry import Registry
from diffmine.recipes.order import in_order
from diffmine.recipes.reading import Recipe, load_recipe
from diffmine.recipes.resolving import Components, resolve
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.types import Picture, TypicalityMap


class Count(Stage):
    """Counts the patches of a run."""

    name = "count-patches"

    class Config(ComponentConfig):
        times: int = Field(1, description="what to multiply the count by")

    config: Config

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("patches",)

    def run(self, work: Work) -> None:
        work.write_json(work.public("count.json"), work.run.selected_patches.num_rows * self.config.times)


class Summary(Stage):
    """Concludes: reads what all others have made."""

    name = "summary"
    concludes = True

    def run(self, work: Work) -> None:
        work.write_json(work.public("summary.json"), sorted(work.run.info["stages"]))


class RedderThanUsual(TypicalityScorer):
    """How much redder a place is than the training pictures of its label: fits itself, and needs no model."""

    name = "redder"
    needs_model = False

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        assert all(record.split == "train" for record in data.train)
        reds = [data.picture(record).pixels[..., 0].mean() for record in data.train]
        (folder / "red.txt").write_text(repr(float(np.mean(reds))))

    def open(self, tools: ModelTools) -> Scoring:
        assert tools.fitted is not None
        return Redness(float((tools.fitted / "red.txt").read_text()))


class Redness(Scoring):
    stride = 1

    def __init__(self, usual: float) -> None:
        self.usual = usual

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        return [
            [
                TypicalityMap(one.record.image_id, label, (one.pixels[..., 0] - self.usual).astype(np.float32))
                for label in wanted
            ]
            for one, wanted in zip(pictures, labels, strict=True)
        ]


class Misbehaving(Count):
    """Does one thing that a stage must not do."""

    name = "misbehaving"

    class Config(ComponentConfig):
        how: str = Field("", description="what it does")

    def run(self, work: Work) -> None:
        match self.config.how:
            case "reads what it does not declare":
                _ = work.run.clusters
            case "asks for an artifact":
                work.artifact("clusters")
            case "overwrites":
                work.public("images.parquet").write_text("mine")
            case "leaves":
                work.public("../../elsewhere.txt")


PLUGIN = SimpleNamespace(
    diffmine_register_stages=hookimpl(specname="diffmine_register_stages")(lambda: [Summary, Count, Misbehaving]),
    diffmine_register_typicality_scorers=hookimpl(specname="diffmine_register_typicality_scorers")(
        lambda: [RedderThanUsual]
    ),
)


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    manager = load_plugins(frozenset())
    manager.register(PLUGIN, "further", Source("diffmine-further", "1.0"))
    return manager


@pytest.fixture(scope="module")
def registry(manager: PluginManager) -> Registry:
    return Registry(manager)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_tiny_recipe(tmp_path_factory.mktemp("recipe"))
    path.write_text(path.read_text() + "\n[count-patches]\ntimes = 2\n\n[summary]\n")
    return path


Runner = Callable[[Recipe, str], Run]


@pytest.fixture
def run(manager: PluginManager, registry: Registry, tmp_path: Path) -> Runner:
    def run(recipe: Recipe, name: str) -> Run:
        options = Options(out=tmp_path / name, store=tmp_path / "store", device="cpu")
        return Pipeline(resolve(recipe, registry), options, manager, registry, nobody).run()

    return run


WITHOUT_MODEL = ("scorer.use=redder", "features.use=pixels", 'report.use="terminal"')


def test_a_recipe_without_a_model_runs_with_the_stages_of_a_plugin(run: Runner, recipe: Path) -> None:
    finished = run(load_recipe(recipe, WITHOUT_MODEL), "first")
    stages = list(finished.info["stages"])
    assert "finetune" not in stages
    assert stages.index("patches") < stages.index("count-patches") < stages.index("summary") < stages.index("report")
    count = int((finished.path / "count.json").read_text())
    assert count == 2 * finished.selected_patches.num_rows > 0
    assert finished.artifact("count-patches").is_dir()
    assert finished.maps.draws is None
    assert set(finished.selected_patches["typicality_stderr"].to_pylist()) == {None}
    kept = (finished.path / "recipe.toml").read_text()
    assert "[model]" not in kept
    assert "times = 2" in kept

    other_model = load_recipe(finished.path / "recipe.toml", ["model.use=stable-diffusion", "model.path=nowhere"])
    again = run(other_model, "second")
    assert all(entry["reused"] for entry in again.info["stages"].values())
    more = load_recipe(finished.path / "recipe.toml", ["count-patches.times=3"])
    anew = [name for name, entry in run(more, "third").info["stages"].items() if not entry["reused"]]
    assert set(anew) == {"count-patches", "summary", "checks", "report"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("reads what it does not declare", r"clusters\.parquet is what the stage 'clusters' made"),
        ("asks for an artifact", "asks for the artifact of the stage 'clusters'; those that it says it reads: patches"),
        ("overwrites", r"it publishes 'images\.parquet', which is a file of the stage 'images'"),
        ("leaves", "lies outside the run folder"),
    ],
)
def test_a_stage_that_would_spoil_a_run_is_named(run: Runner, recipe: Path, how: str, said: str) -> None:
    wanted = load_recipe(recipe, [*WITHOUT_MODEL, f"misbehaving.how={how}"])
    with pytest.raises(StageError, match=said) as caught:
        run(wanted, "misbehaved")
    assert "the stage 'misbehaving' of plugin 'further' (diffmine-further 1.0)" in str(caught.value)


def test_a_table_that_is_no_stage_is_refused(registry: Registry, recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"\[count-patch\]: unknown table; did you mean 'count-patches'"):
        resolve(load_recipe(recipe, ["count-patch.times=1"]), registry)
    with pytest.raises(RecipeError, match=r"\[count-patches\] times = 'x'"):
        resolve(load_recipe(recipe, ["count-patches.times=x"]), registry)


def test_stages_that_cannot_be_ordered_are_named(registry: Registry, recipe: Path) -> None:
    components = resolve(load_recipe(recipe), registry).components

    class First(Count):
        name = "first"

        def reads(self, components: Components) -> tuple[str, ...]:
            return ("second",)

    class Second(Count):
        name = "second"

        def reads(self, components: Components) -> tuple[str, ...]:
            return ("first",)

    first, second = First(Count.Config()), Second(Count.Config())
    with pytest.raises(RecipeError, match="'first' reads 'second', which this run does not have"):
        in_order([first], components)
    with pytest.raises(RecipeError, match="first, second read each other in a circle"):
        in_order([first, second], components)


def test_whatever_uses_the_model_keeps_it_in_the_recipe(registry: Registry, recipe: Path) -> None:
    assert resolve(load_recipe(recipe, ["scorer.use=redder"]), registry).components.needs_model, "dift uses it"
    parts = 'features.parts=["pixels", "pixels"]'
    both = resolve(load_recipe(recipe, ["scorer.use=redder", "features.use=concat", parts]), registry)
    assert not both.components.needs_model
    assert isinstance(both.components.features, FeatureExtractor)
