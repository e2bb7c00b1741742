"""An exception names the component it came out of, its plugin and its distribution; wherever below it is raised."""

from __future__ import annotations

import importlib
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from diffmine.engine.pipeline import Options, Pipeline
from diffmine.errors import ContractError, StageError
from diffmine.interfaces.progress import nobody
from diffmine.plugins.manager import load_plugins, plugin_manager
from diffmine.plugins.registry import Registry, registry
from diffmine.recipes.reading import parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.testing.toy_pictures import write_toy_folder

HELPER = """
    def sabotage(where):
        if where == "torch":
            import torch
            torch.zeros(2, 3) @ torch.zeros(2, 3)
        raise LookupError("sabotage")
"""

PLUGIN = """
    import os
    import sys
    import warnings
    from multiprocessing import parent_process
    from typing import Annotated, Literal

    import numpy as np

    from diffmine import hookimpl
    from diffmine.builtin.clusterers.kmeans import KMeans
    from diffmine.builtin.datasets.folder import Folder
    from diffmine.builtin.executors.local import Local
    from diffmine.builtin.extractors.dift import Dift
    from diffmine.builtin.finetuners.none import NoFinetuning
    from diffmine.builtin.projections.none import NoProjection
    from diffmine.builtin.scorers.diffusion import Diffusion
    from diffmine.builtin.selectors.top import Top
    from diffmine.errors import DiffmineWarning
    from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Extraction, Metric, Report, Scoring
    from diffmine.testing.gaussian import GaussianMeans, GaussianModel
    from diffmine.types import MetricValue
    from saboteur.helper import sabotage

    Where = Annotated[Literal["class", "helper", "torch"], OUTSIDE_KEY]

    class OddError(Exception):
        '''Cannot be pickled, and its constructor takes what it likes.'''
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")
            self.open_file = sys.stdout

    def spoiled(component):
        '''An object that the component hands out, with one method that fails.'''
        def fail(self, *arguments, **named):
            if component.config.where == "class":
                raise OddError("sabotage", component.name)
            sabotage(component.config.where)
        return fail

    class FaultyDataset(Folder):
        name = "faulty"
        class Config(Folder.Config):
            where: Where = "class"
            only_in_workers: Annotated[bool, OUTSIDE_KEY] = False
        def open(self, prepared):
            source = super().open(prepared)
            if self.config.only_in_workers and parent_process() is None:
                return source
            source.__class__ = type("Spoiled", (type(source),), {"read": spoiled(self)})
            return source

    class FaultyModel(GaussianModel):
        name = "faulty"
        class Config(GaussianModel.Config):
            where: Where = "class"
        def load(self, device, *, folder=None):
            denoiser = super().load(device, folder=folder)
            denoiser.network.register_forward_pre_hook(spoiled(self))
            return denoiser

    class FaultyConditioning(GaussianMeans):
        name = "faulty"
        class Config(GaussianMeans.Config):
            where: Where = "class"
        def load(self, denoiser, labels, *, seed, folder=None):
            encoder = super().load(denoiser, labels, seed=seed, folder=folder)
            encoder.__class__ = type("Spoiled", (type(encoder),), {"encode": spoiled(self)})
            return encoder

    class FaultyFinetuner(NoFinetuning):
        name = "faulty"
        class Config(NoFinetuning.Config):
            where: Where = "class"
        def finetune(self, *arguments, **named):
            spoiled(self)(self)

    class FaultyScorer(Diffusion):
        name = "faulty"
        class Config(Diffusion.Config):
            where: Where = "class"
        def open(self, tools):
            class Spoiled(Scoring):
                stride = 4
                score = spoiled(self)
            return Spoiled()

    class ChattyScorer(Diffusion):
        '''Warns where it is opened and where it scores.'''
        name = "chatty"
        def open(self, tools):
            warnings.warn("heard on opening", DiffmineWarning, stacklevel=2)
            scoring = super().open(tools)
            class Chatty(type(scoring)):
                def score(self, pictures, labels, progress):
                    warnings.warn("heard on scoring", DiffmineWarning, stacklevel=2)
                    return super().score(pictures, labels, progress)
            scoring.__class__ = Chatty
            return scoring

    class FaultySelector(Top):
        name = "faulty"
        class Config(Top.Config):
            where: Where = "class"
        def controls(self):
            return ()
        def select(self, *arguments, **named):
            spoiled(self)(self)

    class FaultyExtractor(Dift):
        name = "faulty"
        class Config(Dift.Config):
            where: Where = "class"
        def open(self, tools):
            class Spoiled(Extraction):
                extract = spoiled(self)
            return Spoiled()

    class FaultyProjection(NoProjection):
        name = "faulty"
        class Config(NoProjection.Config):
            where: Where = "class"
        def fit_transform(self, features, *, seed):
            spoiled(self)(self)

    class FaultyClusterer(KMeans):
        name = "faulty"
        class Config(KMeans.Config):
            where: Where = "class"
        def fit_predict(self, features, *, seed):
            spoiled(self)(self)

    class LeavingClusterer(KMeans):
        name = "leaves"
        def fit_predict(self, features, *, seed):
            sys.exit(0)

    class ShortClusterer(KMeans):
        name = "short"
        def fit_predict(self, features, *, seed):
            return super().fit_predict(features, seed=seed)[1:]

    class Figures(Metric):
        name = "figures"
        def compute(self, run):
            return {"silhouette": MetricValue(99.0, count=1)}

    class FaultyMetric(Metric):
        '''Stands in one module with another metric.'''
        name = "faulty"
        class Config(ComponentConfig):
            where: Where = "class"
        def compute(self, run):
            spoiled(self)(self)

    class FaultyExecutor(Local):
        name = "faulty"
        class Config(Local.Config):
            where: Where = "class"
        def run(self, *arguments, **named):
            spoiled(self)(self)

    class FaultyReport(Report):
        name = "faulty"
        class Config(ComponentConfig):
            where: Where = "class"
        def write(self, run, folder):
            spoiled(self)(self)

    class Usurper(Report):
        name = "usurper"
        def write(self, run, folder):
            (folder / "metrics.json").write_text("{}")

    @hookimpl
    def diffmine_register_datasets():
        return [FaultyDataset]

    @hookimpl
    def diffmine_register_diffusion_models():
        return [FaultyModel, GaussianModel]

    @hookimpl
    def diffmine_register_conditioning_encoders():
        return [FaultyConditioning, GaussianMeans]

    @hookimpl
    def diffmine_register_finetuners():
        return [FaultyFinetuner]

    @hookimpl
    def diffmine_register_typicality_scorers():
        return [FaultyScorer, ChattyScorer]

    @hookimpl
    def diffmine_register_patch_selectors():
        return [FaultySelector]

    @hookimpl
    def diffmine_register_feature_extractors():
        return [FaultyExtractor]

    @hookimpl
    def diffmine_register_projections():
        return [FaultyProjection]

    @hookimpl
    def diffmine_register_clusterers():
        return [FaultyClusterer, LeavingClusterer, ShortClusterer]

    @hookimpl
    def diffmine_register_metrics():
        return [Figures, FaultyMetric]

    @hookimpl
    def diffmine_register_executors():
        return [FaultyExecutor]

    @hookimpl
    def diffmine_register_reports():
        return [FaultyReport, Usurper]
"""

RECIPE: dict[str, dict[str, Any]] = {
    "dataset": {"use": "folder", "holdout": 0.25},
    "model": {"use": "gaussian"},  # which imports nothing that takes seconds, in no worker either
    "conditioning": {"use": "gaussian-means"},
    "finetune": {"use": "none"},
    "scorer": {"use": "diffusion", "draws": 4},
    "patches": {"use": "top", "size": 8, "per_image": 2, "per_label": 20},
    "features": {"use": "dift", "ensemble": 1},
    "clusterer": {"use": "kmeans", "n_clusters": 3},
    "report": {"use": ["terminal"]},
}

KINDS = {
    "dataset": ("images", "dataset"),
    "model": ("typicality", "diffusion model"),
    "conditioning": ("typicality", "conditioning encoder"),
    "finetune": ("finetune", "finetuner"),
    "scorer": ("typicality", "typicality scorer"),
    "patches": ("patches", "patch selector"),
    "features": ("features", "feature extractor"),
    "projection": ("clusters", "projection"),
    "clusterer": ("clusters", "clusterer"),
    "metrics": ("metrics", "metric"),
    "executor": ("typicality", "executor"),
    "report": ("report", "report"),
}
"""Table -> the stage in which its faulty component fails, and what the component is called in words."""

RAISED = {
    "class": "OddError: sabotage and faulty",
    "helper": "LookupError: 'sabotage'|LookupError: sabotage",
    "torch": "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
}


@pytest.fixture(scope="module")
def saboteur(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A stranger's distribution, ``diffmine-saboteur`` 2.5, as pip would leave it."""
    site = tmp_path_factory.mktemp("site")
    (site / "saboteur").mkdir()
    (site / "saboteur" / "__init__.py").write_text(textwrap.dedent(PLUGIN))
    (site / "saboteur" / "helper.py").write_text(textwrap.dedent(HELPER))
    info = site / "diffmine_saboteur-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: diffmine-saboteur\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text("[diffmine]\nsaboteur = saboteur\n")
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield
    sys.path.remove(str(site))
    for name in ("saboteur", "saboteur.helper"):
        sys.modules.pop(name, None)
    for found_with_it in (plugin_manager, registry):
        found_with_it.cache_clear()


class Bench:
    """Runs a small recipe with changes, over one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_toy_folder(folder / "pictures", per_label=18)  # more than one shard, so that two workers share them
        self.tables = {**RECIPE, "dataset": {"path": str(folder / "pictures"), **RECIPE["dataset"]}}
        self.plugins = load_plugins(frozenset())
        self.registry = Registry(self.plugins)

    def run(self, changes: Mapping[str, Mapping[str, Any]], until: str = "report") -> Run:
        tables: dict[str, Any] = {"name": "bench", **self.tables}
        for table, values in changes.items():
            tables[table] = {**tables.get(table, {}), **values}
        resolved = resolve(parse_recipe(tables), self.registry)
        options = Options(self.folder / "run", self.folder / "store", device="cpu", until=until)
        return Pipeline(resolved, options, self.plugins, self.registry, nobody).run()

    def failure(self, **changes: Mapping[str, Any]) -> StageError:
        with pytest.raises(StageError) as caught:
            self.run(changes)
        return caught.value


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, saboteur: None) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def faulty(table: str, where: str) -> dict[str, Any]:
    """What puts the faulty component into a table."""
    if table in ("metrics", "report"):
        return {"use": ["faulty"], "faulty": {"where": where}}
    return {"use": "faulty", "where": where}


def assert_blamed(error: StageError, stage: str, kind: str, raised: str) -> None:
    place = f"stage '{stage}' failed in the {kind} 'faulty' of plugin 'saboteur' (diffmine-saboteur 2.5): "
    assert re.match(f"{re.escape(place)}({raised})", str(error)), str(error)


@pytest.mark.parametrize("where", ["class", "helper", "torch"])
@pytest.mark.parametrize("table", KINDS)
def test_every_kind_answers_for_what_is_raised_below_it(bench: Bench, table: str, where: str) -> None:
    unseen = {"scorer": {"draws": 6}} if table == "executor" else {}  # which the store cannot give
    error = bench.failure(**{table: faulty(table, where)}, **unseen)
    assert_blamed(error, *KINDS[table], RAISED[where])
    assert type(error.__cause__).__name__ in RAISED[where], "the exception stays what it was"


@pytest.mark.parametrize(("table", "where"), [("dataset", "class"), ("model", "torch"), ("scorer", "helper")])
def test_so_it_does_in_workers(bench: Bench, table: str, where: str) -> None:
    stage, kind = KINDS[table]
    changed = faulty(table, where)
    if table == "dataset":  # readable here, where pictures are listed
        stage, changed["only_in_workers"] = "typicality", True
    unseen = {} if table == "scorer" else {"scorer": {"draws": 7}}
    error = bench.failure(**{table: changed}, **unseen, executor={"workers": 2})
    assert_blamed(error, stage, kind, RAISED[where])
    assert "in another process" in str(error.__cause__.__cause__)  # type: ignore[union-attr]


def test_of_two_metrics_in_one_module_the_right_one_is_named(bench: Bench) -> None:
    error = bench.failure(metrics={"use": ["figures", "faulty"]})
    assert_blamed(error, "metrics", "metric", RAISED["class"])


def test_what_crosses_no_component_is_diffmines_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("row 7")

    monkeypatch.setattr("diffmine.builtin.stages.typicality.commit_shard", broken)
    error = bench.failure(scorer={"draws": 2})
    assert str(error) == "stage 'typicality' failed in diffmine itself: KeyError: 'row 7'"
    assert error.origin is None


def test_a_component_that_exits_does_not_end_the_run_as_if_all_were_well(bench: Bench) -> None:
    error = bench.failure(clusterer={"use": "leaves"})
    assert "in the clusterer 'leaves' of plugin 'saboteur'" in str(error)
    assert "sys.exit(0)" in str(error)


def test_what_a_clusterer_returns_wrong_is_told_of_the_clusterer(bench: Bench) -> None:
    error = bench.failure(clusterer={"use": "short"})
    assert isinstance(error.__cause__, ContractError)
    told = r"in the clusterer 'short' of .*: fit_predict returned cluster ids of shape \(19,\) for 20 patches"
    assert re.search(told, str(error))


def test_a_metric_does_not_overwrite_anothers_figure(bench: Bench) -> None:
    error = bench.failure(metrics={"use": ["silhouette", "figures"]})
    assert "in the metric 'figures' of" in str(error)
    assert "the metric 'silhouette' has measured already" in str(error)


def test_a_report_does_not_write_over_the_run(bench: Bench) -> None:
    error = bench.failure(report={"use": ["usurper"]})
    assert "in the report 'usurper' of" in str(error)
    assert "'metrics.json', but it is what the stage 'metrics' made" in str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_warnings_reach_the_run_from_every_process(bench: Bench, workers: int) -> None:
    scorer = {"use": "chatty", "draws": workers + 2}
    run = bench.run({"scorer": scorer, "executor": {"workers": workers}}, until="typicality")
    assert run.info["warnings"] == ["heard on opening", "heard on scoring"]
