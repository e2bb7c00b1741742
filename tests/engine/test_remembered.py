"""Metrics that look at maps alone are not measured again when only clusters change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from diffmine import hookimpl
from diffmine.engine.pipeline import Options, Pipeline
from diffmine.errors import StageError
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.interfaces.progress import nobody
from diffmine.plugins.manager import Source, load_plugins
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.types import MetricValue


class Noted(Metric):
    """Notes each time that it is asked."""

    name = "noted"
    reads = ("images", "typicality")

    class Config(ComponentConfig):
        file: str
        """Where it notes it."""

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        with Path(self.config.file).open("a") as file:
            file.write("asked\n")
        levels = {label: float(run.typicality(next(iter(run.records)), label)[0].mean()) for label in run.labels[:1]}
        return {"noted": MetricValue(1 / 3, low=0.1, count=len(run.records), per_label=levels)}


class Prying(Metric):
    """Looks at clusters, and does not say so."""

    name = "prying"
    reads = ("images",)

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        return {"prying": MetricValue(float(run.clusters.num_rows))}


PLUGIN = SimpleNamespace(
    diffmine_register_metrics=hookimpl(specname="diffmine_register_metrics")(lambda: [Noted, Prying])
)
CHEAP = ("finetune.steps=1", "finetune.warmup_steps=0", "finetune.validate_every=0", "scorer.draws=2")
Runner = Callable[..., Run]


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    folder = tmp_path_factory.mktemp("remembered")
    path, manager = write_tiny_recipe(folder), load_plugins(frozenset())
    manager.register(PLUGIN, "further", Source("diffmine-further", "1.0"))
    registry = Registry(manager)

    def mined(
        *overrides: str,
        store: str = "store",
        fresh_from: str | None = None,
        metrics: str = '["noted", "label_auc", "separation"]',
    ) -> Run:
        options = Options(
            out=folder / "run", store=folder / store, device="cpu", until="metrics", fresh_from=fresh_from
        )
        noted = [f"metrics.noted.file={folder / 'notes'}"] if "noted" in metrics else []
        recipe = load_recipe(path, [*CHEAP, "dataset.holdout=0.4", f"metrics.use={metrics}", *noted, *overrides])
        return Pipeline(resolve(recipe, registry), options, manager, registry, nobody).run()

    return mined


def test_they_are_measured_again_only_when_what_they_read_changes(mined: Runner) -> None:
    def notes() -> int:
        return len((first.path.parent / "notes").read_text().splitlines())

    first = mined()
    before = dict(first.metrics)
    assert notes() == 1
    assert before.keys() >= {"noted", "label_auc"}
    second = mined("clusterer.n_clusters=2")
    assert not second.info["stages"]["metrics"]["reused"]
    assert notes() == 1
    assert {name: second.metrics[name] for name in ("noted", "label_auc")} == {
        name: before[name] for name in ("noted", "label_auc")
    }
    fresh = mined("clusterer.n_clusters=2", store="another store")
    assert fresh.info["stages"]["metrics"]["digest"] == second.info["stages"]["metrics"]["digest"]
    assert notes() == 2
    mined("patches.size=4")
    assert notes() == 3, "patches are selected by what the recipe says of them"
    for path in (first.path.parent / "store" / "remembered").iterdir():
        path.write_text("damaged")
    mined("clusterer.n_clusters=4")
    assert notes() == 4
    mined("clusterer.n_clusters=4", fresh_from="clusters")
    assert notes() == 5


def test_one_that_reads_more_than_it_says_is_refused(mined: Runner) -> None:
    with pytest.raises(
        StageError, match=r"clusters\.parquet is what the stage 'clusters' made, which .* does not read"
    ):
        mined(metrics='["prying"]')
