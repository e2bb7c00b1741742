"""A real study of tiny runs, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from diffmine.engine.folder_lock import OWNER_FILE
from diffmine.errors import DataError, RecipeError
from diffmine.studies.study import compare, study
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.version import __version__

RECIPE = """
name = "toy"
seed = 1
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
[finetune]
use = "full"
steps = 2
batch_size = 4
warmup_steps = 0
validate_every = 0
[scorer]
draws = 2
null_labels = 0
[patches]
size = 8
per_image = 2
[features]
use = "pixels"
[clusterer]
n_clusters = 3
[metrics]
use = ["pixel_average_precision", "cluster_purity"]
[report]
use = []
"""

STUDY = """
name = "tiny"
description = "Which clusterer?"
recipe = "base.toml"
[variants.kmeans]
[variants.agglomerative.clusterer]
use = "agglomerative"
n_clusters = 3
[variants.again]
[variants.longer.finetune]
steps = 4
[variants.shuffled.dataset]
shuffle_labels = true
[variants.broken.features]
use = "clip"
path = "empty"
"""


class Done(NamedTuple):
    folder: Path
    out: Path
    store: Path
    process: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("study")
    write_toy_folder(folder / "pictures", per_label=8)
    (folder / "empty").mkdir()
    (folder / "base.toml").write_text(RECIPE)
    (folder / "study.toml").write_text(STUDY)
    out, store = folder / "out", folder / "store"
    command = [sys.executable, "-m", "diffmine", "study", "study.toml", "--out", "out", "--store", "store"]
    process = subprocess.run(
        [*command, "--workers", "2"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(folder, out, store, process)


def test_a_failed_run_is_reported_and_is_not_the_end(done: Done) -> None:
    assert done.process.returncode == 1, done.process.stderr
    rows = pq.read_table(done.out / "results.parquet").to_pylist()
    assert [row["variant"] for row in rows] == ["kmeans", "agglomerative", "again", "longer", "shuffled", "broken"]
    assert [row["error"] is None for row in rows] == [True, True, True, True, True, False]
    assert "'features'" in rows[5]["error"]
    assert "clip" in rows[5]["error"]
    assert all(row["cluster_purity"] is not None for row in rows[:5])
    assert "failed" in done.process.stdout


def test_what_runs_share_is_computed_once(done: Done) -> None:
    made = {stage: len(list((done.store / stage).glob("*/manifest.json"))) for stage in ("finetune", "typicality")}
    assert made == {"finetune": 3, "typicality": 3}
    assert len(list((done.store / "clusters").glob("*/manifest.json"))) == 4


def test_the_study_file_and_versions_are_kept(done: Done) -> None:
    about = json.loads((done.out / "study.json").read_text(encoding="utf-8"))
    assert about["study"] == tomllib.loads(STUDY)
    assert about["plugins"]["diffmine"] == f"diffmine {about['diffmine']}" == f"diffmine {__version__}"
    assert about["runs"][0]["diffmine"] == __version__
    assert "one seed: differences may be chance" in done.process.stdout


def test_progress_of_the_other_processes_is_told(done: Done) -> None:
    lines = done.process.stderr.splitlines()
    assert "6 runs" in lines
    assert any("tiny.kmeans: clusters: done" in line for line in lines)
    assert any(line.startswith("✓ tiny.agglomerative") for line in lines)
    assert any(line.startswith("✗ tiny.broken") for line in lines)


def test_everything_is_written(done: Done) -> None:
    pictures = ("metrics.png", "agreement.png", "before-after.png", "before-after.pdf")
    for name in ("results.csv", "results.md", "agreement.csv", "clusters.csv", *pictures):
        assert (done.out / name).stat().st_size > 0, name
    about = json.loads((done.out / "study.json").read_text())
    assert about["description"] == "Which clusterer?"


def test_in_this_process_the_same_study_gives_the_same_figures(done: Done) -> None:
    before = pq.read_table(done.out / "results.parquet").to_pylist()
    results, comparison = study(done.folder / "study.toml", out=done.folder / "second", store=done.store)
    after = results.table().to_pylist()
    for name in ("variant", "seed", "cluster_purity", "pixel_average_precision_low"):
        assert [row[name] for row in after] == [row[name] for row in before]
    runs = [entry.run for entry in results.entries if entry.run is not None]
    assert all(stage["reused"] for run in runs for stage in run.info["stages"].values())
    assert [str(choice) for choice in comparison.choices] == ["kmeans", "agglomerative", "again", "longer", "shuffled"]


def test_a_run_agrees_with_itself(done: Done) -> None:
    _, comparison = compare([done.out / "runs" / f"tiny.{name}" for name in ("kmeans", "again", "agglomerative")])
    matrix = comparison.matrix()
    assert matrix[0, 1] == pytest.approx(1.0)
    assert (matrix == matrix.T).all()
    same = comparison.pairs[0]
    assert same.agreement.common == 1.0
    assert {fate for fate, count in same.fates().items() if count} == {"kept"}


def test_runs_over_different_pictures_are_not_compared(done: Done, tmp_path: Path) -> None:
    from diffmine.testing.toy_runs import write_toy_run

    other = write_toy_run(tmp_path, labels=("a",), clusters=1, members=3)
    with pytest.raises(DataError, match="not about the same pictures"):
        compare([done.out / "runs" / "tiny.kmeans", other.path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_run_is_nothing_to_compare(done: Done) -> None:
    with pytest.raises(RecipeError, match="at least two"):
        compare([done.out / "runs" / "tiny.kmeans"])


@pytest.mark.slow
def test_a_killed_process_is_reported_and_the_same_study_goes_on(done: Done, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "diffmine", "study", done.folder / "study.toml", "--workers", "2"]
    command += ["--out", tmp_path / "out", "--store", tmp_path / "store"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    os.kill(_owner(tmp_path / "out" / "runs" / "tiny.kmeans", process), signal.SIGKILL)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 1, told
    assert "Traceback" not in told
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert [row["variant"] for row in rows] == ["kmeans", "agglomerative", "again", "longer", "shuffled", "broken"]
    assert "a process of the study died" in rows[0]["error"]

    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 1
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert [row["error"] is None for row in rows] == [True, True, True, True, True, False]


def _owner(run: Path, study_process: subprocess.Popen[str]) -> int:
    """The process that writes a run's folder, as soon as there is one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and study_process.poll() is None:
        try:
            return int(json.loads((run / OWNER_FILE).read_text())["process"])
        except (OSError, ValueError):
            time.sleep(0.01)
    raise AssertionError("the run never began")


def _descendants(pid: int) -> set[int]:
    """The processes below one, as /proc tells."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found |= {child} | _descendants(child)
    return found


@pytest.mark.skipif(not list(Path("/proc/self/task").glob("*/children")), reason="looks for processes in /proc")
def test_a_killed_study_leaves_no_process_behind(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "pictures", per_label=4)
    (tmp_path / "base.toml").write_text(RECIPE)
    (tmp_path / "study.toml").write_text(STUDY)
    command = [sys.executable, "-m", "diffmine", "study", str(tmp_path / "study.toml"), "--workers", "2"]
    places = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    parent = subprocess.Popen([*command, *places], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    left: set[int] = set()
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out").glob("runs/*/run.json")) and parent.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        left = _descendants(parent.pid)
        assert len(left) >= 3, "two workers, and what passes their events on"
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 30
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if Path(f"/proc/{pid}").exists() and not _is_dead(pid)}
        time.sleep(0.05)
    assert not left


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
