"""A run folder on a disk that fills up. The system's limit on the size of files stands for the full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import diffmine
from diffmine.testing.tiny_recipe import write_tiny_recipe

LIMITED = """
import resource, sys
from diffmine.commands.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
main(sys.argv[2:])
"""


@pytest.mark.parametrize("room", [20, 200, 2500])
def test_it_is_said_which_file_found_no_room_and_nothing_is_left_half_written(tmp_path: Path, room: int) -> None:
    recipe, out, store = write_tiny_recipe(tmp_path, per_label=2), tmp_path / "out", tmp_path / "store"
    whole = diffmine.run(recipe, out=tmp_path / "whole", store=store, until="images")
    command = ["run", str(recipe), "--out", str(out), "--store", str(store), "--until", "images", "--quiet"]
    full = subprocess.run([sys.executable, "-c", LIMITED, str(room), *command], capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr.startswith(f"error: {out}/"), full.stderr
    assert "file too large; make room there, and the same command goes on" in full.stderr
    assert "bug in diffmine" not in full.stderr
    assert not [path for path in (*out.rglob("*"), *store.rglob("*")) if path.suffix == ".tmp"]
    assert not (out / ".owner.json").exists()
    again = diffmine.run(recipe, out=out, store=store, until="images")
    assert again.info["stages"]["images"]["digest"] == whole.info["stages"]["images"]["digest"]
