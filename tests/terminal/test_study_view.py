"""What ``diffmine study`` and ``diffmine compare`` print at their end: snapshots, of toy runs that differ a little."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len
from rich.console import Console

from diffmine.engine.opening import load_run
from diffmine.runs.run import Run
from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Entry
from diffmine.studies.results import Results
from diffmine.studies.study import compare
from diffmine.terminal.study_view import study_view
from diffmine.testing.toy_runs import write_toy_run

METRICS = ("pixel_average_precision", "pointing_accuracy", "patch_precision", "patch_precision_random")
SECONDS = {"images": 2.0, "typicality": 75.25, "features": 8.5, "clusters": 0.75}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_run(tmp_path_factory.mktemp("toy"), clusters=3, members=8).path


def varied(toy: Path, folder: Path, precision: float, *, merged: bool = False) -> Run:
    """A copy of a run with metrics of its own and, if asked for, the last two clusters of each label in one."""
    shutil.copytree(toy, folder)
    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    info["stages"] = {stage: {"key": "none", "digest": "", "seconds": seconds} for stage, seconds in SECONDS.items()}
    info["stages"]["metrics"] = info["stages"]["images"]
    (folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    figure = {"value": precision, "low": precision - 0.04, "high": precision + 0.04, "chance": 0.13}
    better = {"patch_precision_random": "none"}
    metrics = {
        **{m: {**figure, "count": 60, "per_label": {}, "better": better.get(m, "higher")} for m in METRICS},
        "dbcv": {**dict.fromkeys(figure), "value": precision / 2, "count": 60, "per_label": {}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    if merged:
        _merge(folder)
    return load_run(folder)


def _merge(folder: Path) -> None:
    patches, clusters = pq.read_table(folder / "patches.parquet"), pq.read_table(folder / "clusters.parquet")
    at = patches.schema.get_field_index("cluster")
    ids = pc.min_element_wise(patches["cluster"], pa.scalar(1, pa.int32()), skip_nulls=False)
    pq.write_table(patches.set_column(at, "cluster", ids), folder / "patches.parquet")
    pq.write_table(clusters.filter(pc.less(clusters["cluster"], 2)), folder / "clusters.parquet")


def printed(results: Results, comparison: Comparison, width: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=False, color_system=None, highlight=False)
    for part in study_view(results, comparison, console):
        console.print(part)
    return file.getvalue()


def toy_study(toy: Path, folder: Path) -> tuple[Results, Comparison]:
    """Two variants at two grid points with two seeds, and one that failed."""
    entries = []
    for number, (variant, size, seed) in enumerate(
        (variant, size, seed) for variant in ("kmeans", "agglomerative") for size in (16, 32) for seed in (1, 2)
    ):
        merged = variant == "agglomerative"
        run = varied(toy, folder / str(number), 0.5 + 0.02 * number - 0.01 * seed, merged=merged)
        entries.append(Entry(variant, {"patches.size": size}, seed, run.path, run, 90.0))
    entries.append(Entry("hdbscan", {"patches.size": 16}, 1, folder / "failed", None, 1.0, "it broke at [bold]once"))
    return Results("patch-size", entries, "Which clusterer, and how\nlarge a patch?", {}), Comparison(entries)


@pytest.mark.parametrize("width", [80, 160])
def test_a_study_looks_as_it_did(toy: Path, tmp_path: Path, width: int, as_it_did: Callable[[str, str], None]) -> None:
    as_it_did(f"study-{width}", printed(*toy_study(toy, tmp_path), width))


@pytest.mark.parametrize("width", [80, 160])
def test_a_comparison_looks_as_it_did(
    toy: Path, tmp_path: Path, width: int, as_it_did: Callable[[str, str], None]
) -> None:
    for name, precision in (("before", 0.45), ("after", 0.52)):
        varied(toy, tmp_path / name, precision, merged=name == "after")
    text = printed(*compare([tmp_path / "before", tmp_path / "after"]), width)
    as_it_did(f"compare-{width}", text)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_no_line_of_a_study_is_wider_than_the_terminal(toy: Path, tmp_path: Path, width: int) -> None:
    text = printed(*toy_study(toy, tmp_path), width)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width
