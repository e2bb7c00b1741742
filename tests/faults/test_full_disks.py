"""A real disk that fills up: a small file system in memory, in a name space of its own, which then grows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import diffmine
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe

FILL_AND_GROW = """
mount -t tmpfs -o size=$2k tmpfs "$1/disk" || exit 77
cd "$1"
"$3" -m diffmine run tiny.toml --out disk/out --store disk/store --quiet 2> full.txt
echo $? > full.status
mount -o remount,size=100M "$1/disk"
"$3" -m diffmine run tiny.toml --out disk/out --store disk/store --quiet 2> grown.txt
echo $? > grown.status
find disk -name '*.tmp' -o -name '*.partial' > left.txt
cp disk/out/run.json run.json
"""
NO_NAMESPACE = 77


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("whole")
    return diffmine.run(write_tiny_recipe(folder), out=folder / "out", store=folder / "store")


def in_namespace(folder: Path, room: int) -> int:
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", FILL_AND_GROW, "sh"]
    return subprocess.run([*command, str(folder), str(room), sys.executable], check=False).returncode


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("unshare") is None, reason="the small disk needs unshare, of util-linux")
@pytest.mark.parametrize("room", [16, 900, 2600], ids="{}k".format)
def test_it_is_said_in_one_sentence_and_the_same_command_goes_on(whole: Run, tmp_path: Path, room: int) -> None:
    write_tiny_recipe(tmp_path)
    (tmp_path / "disk").mkdir()
    if in_namespace(tmp_path, room) == NO_NAMESPACE:
        pytest.skip("this system lets nobody mount in a name space of their own")
    told = (tmp_path / "full.txt").read_text()
    assert (tmp_path / "full.status").read_text().strip() == "1", told
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert errors[0].endswith("make room there, and the same command goes on")
    assert "bug in diffmine" not in told
    assert " in the " not in errors[0], "no component is blamed for it"
    assert (tmp_path / "grown.status").read_text().strip() == "0", (tmp_path / "grown.txt").read_text()
    assert not (tmp_path / "left.txt").read_text()
    (tmp_path / "after").mkdir()
    shutil.copy(tmp_path / "run.json", tmp_path / "after")
    after = diffmine.load_run(tmp_path / "after")
    assert {name: one["digest"] for name, one in after.info["stages"].items()} == {
        name: one["digest"] for name, one in whole.info["stages"].items()
    }
