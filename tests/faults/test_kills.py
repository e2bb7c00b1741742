"""SIGKILL at random moments of a run, of a run with worker processes, and of a study; then the same command.

``DIFFMINE_KILLS`` says how often each is killed (3 times), ``DIFFMINE_SEED`` the seed of the moments (a fresh one).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import diffmine
from diffmine.testing.tiny_recipe import write_tiny_recipe

KILLS = int(os.environ.get("DIFFMINE_KILLS", "3"))
SEED = int(os.environ.get("DIFFMINE_SEED", time.time_ns() % 1_000_000))
STUDY = """
name = "killed"
recipe = "tiny.toml"
[variants.kmeans]
[variants.agglomerative]
clusterer = { use = "agglomerative", n_clusters = 2 }
[variants.longer.finetune]
steps = 8
"""
WAYS: Mapping[str, tuple[str, ...]] = {
    "one process": ("run", "tiny.toml"),
    "two workers": ("run", "tiny.toml", "--set", "executor.workers=2"),
    "a study": ("study", "study.toml", "--workers", "2"),
}


def launch(folder: Path, name: str, way: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "diffmine", *WAYS[way], "--quiet"]
    command += ["--out", f"{name}-out", "--store", f"{name}-store"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)  # type: ignore[call-overload, no-any-return]


def finish(folder: Path, name: str, way: str) -> dict[str, dict[str, str]]:
    """Run it to its end; the digests of each run's stages."""
    process = launch(folder, name, way)
    _, told = process.communicate(timeout=900)
    assert process.returncode == 0, told.decode()
    return {
        str(path.parent.relative_to(folder / f"{name}-out")): {
            stage: entry["digest"] for stage, entry in diffmine.load_run(path.parent).info["stages"].items()
        }
        for path in sorted((folder / f"{name}-out").rglob("run.json"))
    }


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, as /proc tells."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it alone, and see that what it had started goes too."""
    try:
        below = set(descendants(process.pid))
    except OSError:  # one of them is just ending
        below = set()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while left := {pid for pid in below if lives(pid)}:
        assert time.monotonic() < deadline, f"{len(left)} processes outlived the one that had started them"
        time.sleep(0.1)


@pytest.mark.faults
@pytest.mark.timeout(600 + 120 * KILLS)
@pytest.mark.skipif(not list(Path("/proc/self/task").glob("*/children")), reason="looks for processes in /proc")
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_random_moments_it_ends_with_the_same_digests(way: str, tmp_path: Path) -> None:
    write_tiny_recipe(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    started = time.monotonic()
    expected = finish(tmp_path, "whole", way)
    whole_takes = time.monotonic() - started
    moments = random.Random(f"{SEED} {way}")
    name, told = "killed-0", f"DIFFMINE_SEED={SEED}"
    for number in range(KILLS):
        process = launch(tmp_path, name, way)
        try:
            process.wait(moments.uniform(0, whole_takes))
        except subprocess.TimeoutExpired:
            kill(process)
            continue
        _, errors = process.communicate()
        assert process.returncode == 0, f"{told}: {errors.decode()}"
        assert finish(tmp_path, name, way) == expected, told
        name = f"killed-{number + 1}"
    assert finish(tmp_path, name, way) == expected, told
    assert not list(tmp_path.glob(f"{name}-store/*/*.partial")), told
