"""Time and memory of clustering, ranking and metrics.

Run ``python benchmarks/clustering.py`` (a few minutes on two cores). Every case runs in a process of its own, on
features like those of patches: 40 groups on the unit sphere, with noise. Wall time is what a person waits; CPU time
says what it would be on a machine that does nothing else; memory is the peak of the whole process, features among it.
With ``--run RUN``, the metrics and the checks of a finished run are timed too.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from diffmine.analysis.ranking import rank_clusters
from diffmine.engine.opening import load_run
from diffmine.interfaces import Clusterer, Projection
from diffmine.numerics.seeding import numpy_generator
from diffmine.plugins.kinds import KIND_OF_TABLE
from diffmine.plugins.registry import registry
from diffmine.types import FloatArray

GROUPS, NOISE = 40, 0.03
GOALS = {"default, 10 labels x 1,000 x 1,280": "10 s", "default, 100,000 x 1,280": "60 s, 2 GB"}


def features(patches: int, dims: int) -> FloatArray:
    """Rows of unit norm in groups, made in place: a second copy would count as the clusterer's memory."""
    generator = numpy_generator("benchmark", patches, dims)
    rows = generator.standard_normal((patches, dims), dtype=np.float32)
    rows *= NOISE
    centres = generator.standard_normal((GROUPS, dims), dtype=np.float32) / np.sqrt(dims)
    for group in range(GROUPS):
        rows[group::GROUPS] += centres[group]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def cluster(patches: int, dims: int, labels: int, clusterer: Mapping[str, Any], projection: Mapping[str, Any]) -> str:
    """Project, cluster and rank ``labels`` labels of ``patches`` patches each; says how many clusters came of it."""
    projector = _build("projection", projection)
    component = _build("clusterer", clusterer)
    assert isinstance(projector, Projection)
    assert isinstance(component, Clusterer)
    rows = features(patches, dims)
    typicality = rows[:, 0]
    images = [f"image{number // 3}" for number in range(patches)]
    counts = []
    for label in range(labels):
        projected = projector.fit_transform(rows, seed=label)
        ranked = rank_clusters(component.fit_predict(projected, seed=label), projected, typicality, images)
        counts.append(f"{len(ranked.table)}")
    return "/".join(sorted(set(counts), key=int))


CASES: dict[str, Callable[[], str]] = {
    "default, 10 labels x 1,000 x 1,280": lambda: cluster(1000, 1280, 10, {"use": "kmeans"}, {"use": "none"}),
    "default, 100,000 x 1,280": lambda: cluster(100_000, 1280, 1, {"use": "kmeans"}, {"use": "none"}),
    **{
        f"{use}, 1,000 x 1,280": lambda use=use: cluster(1000, 1280, 1, {"use": use}, {"use": "none"})  # type: ignore[misc]
        for use in ("kmeans", "spherical-kmeans", "agglomerative", "gaussian-mixture", "hdbscan")
    },
    "kmeans auto, 1,000 x 1,280": lambda: cluster(
        1000, 1280, 1, {"use": "kmeans", "n_clusters": "auto"}, {"use": "none"}
    ),
    "hdbscan target_outliers, 1,000 x 1,280": lambda: cluster(
        1000, 1280, 1, {"use": "hdbscan", "target_outliers": 0.2}, {"use": "none"}
    ),
    "pca + hdbscan, 1,000 x 1,280": lambda: cluster(1000, 1280, 1, {"use": "hdbscan"}, {"use": "pca"}),
    "umap + hdbscan, 10 labels x 1,000 x 1,280": lambda: cluster(1000, 1280, 10, {"use": "hdbscan"}, {"use": "umap"}),
}


def measure(case: str) -> dict[str, Any]:
    """Run a case in this process; the features are made within the time."""
    warnings.simplefilter("ignore")
    wall, cpu = time.perf_counter(), time.process_time()
    found = CASES[case]()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "memory": memory, "found": found}


def measure_apart(case: str) -> dict[str, Any]:
    """Run a case in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--case", case], check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def time_metrics(path: str) -> Table:
    """Every metric on a finished run, beside the time of the whole run."""
    run = load_run(path)
    table = Table(title=f"metrics of {path}, whose stages took {_stages(run.info):.0f} s")
    for column in ("metric", "s", "figures"):
        table.add_column(column)
    kind = KIND_OF_TABLE["metrics"]
    for name in registry().names(kind):
        start = time.perf_counter()
        figures = registry().build(kind, name, {}).compute(run)  # type: ignore[attr-defined]
        seconds = time.perf_counter() - start
        shown = ", ".join(f"{key} {value.value:.3f}" + _interval(value) for key, value in figures.items())
        table.add_row(name, f"{seconds:.2f}", shown or "-")
    start = time.perf_counter()
    checks = KIND_OF_TABLE["checks"]
    built = [registry().build(checks, name, {}) for name in registry().names(checks)]
    sentences = [found.sentence for one in built for found in one.check(run)]  # type: ignore[attr-defined]
    table.add_row("checks", f"{time.perf_counter() - start:.2f}", "\n".join(sentences) or "no warning")
    return table


def _interval(value: Any) -> str:
    bounds = "" if value.low is None else f" [{value.low:.3f}, {value.high:.3f}]"
    return bounds + ("" if value.chance is None else f" (chance {value.chance:.3f})")


def _stages(info: Mapping[str, Any]) -> float:
    return float(sum(stage["seconds"] for stage in info["stages"].values()))


def _build(table: str, options: Mapping[str, Any]) -> object:
    return registry().build(KIND_OF_TABLE[table], options["use"], {k: v for k, v in options.items() if k != "use"})


def main() -> None:
    """Print one line a case, as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--run", help="a finished run whose metrics to time as well")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case)))
        return
    console = Console(width=120)
    console.print(f"{platform.machine()}, Python {platform.python_version()}: wall s, CPU s, peak GB, clusters, goal")
    for case in (case for case in CASES if arguments.only in case):
        got = measure_apart(case)
        figures = f"{got['wall']:8.1f} {got['cpu']:8.1f} {got['memory']:6.2f} {got['found']:>6}"
        console.print(f"{case:45}{figures}   {GOALS.get(case, '')}", highlight=False)
    if arguments.run:
        console.print(time_metrics(arguments.run))


if __name__ == "__main__":
    main()
