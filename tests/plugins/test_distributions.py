"""Real distributions, installed by pip and seen by a fresh interpreter: listed, run, removed; their runs still open.

A virtual environment for each would install torch anew. Each distribution is installed into an empty folder instead,
without what it depends on, and that folder is put on the path of this interpreter's subprocesses.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from diffmine.plugins.registry import registry
from diffmine.templates.writing import checked_answers, write_plugin
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_vision import tiny_clip

ROOT = Path(__file__).parent.parent.parent
NEW = "diffmine-roofs"
SETTINGS = {
    "diffmine-clip-mining": ("scorer.use=clip-similarity", "scorer.path={clip}", "features.use=pixels"),
    "diffmine-discriminative": ("scorer.use=cnn-cam", "scorer.epochs=2", "features.use=cnn", "features.epochs=2"),
    "diffmine-doersch": ("scorer.use=doersch", "features.use=pixels"),
    "diffmine-example": ("clusterer.use=ward", "clusterer.height=1"),
    "diffmine-hog": ("scorer.use=hog-svm", "scorer.windows=8", "features.use=hog", "clusterer.n_clusters=2"),
    "diffmine-huggingface": (),  # needs a dataset of its own: its tests run one
    "diffmine-ray": ("executor.use=ray", "executor.address=local", "executor.num_workers=1"),
    "diffmine-slurm": ("executor.use=slurm", "executor.cluster=local", 'executor.folder="{folder}/slurm"'),
    "diffmine-translate": (
        "translate.per_label=1",
        "translate.steps=2",
        "translate.evidence_draws=4",
        "clusterer.n_clusters=2",
    ),
    "diffmine-localize": ('metrics.use=["pixel_average_precision", "chexlocalize"]',),
    NEW: ("clusterer.use=roofs",),
}
"""Distribution -> what has a tiny recipe use it; {clip} is the folder of a tiny CLIP, {folder} an empty one."""


@dataclass(frozen=True)
class Installed:
    """A distribution in a folder of its own."""

    name: str
    site: Path

    def diffmine(self, *arguments: str, **variables: str) -> str:
        path = os.pathsep.join([str(ROOT), str(self.site)])
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **variables}
        command = [sys.executable, "-m", "diffmine", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def components(self, **variables: str) -> list[dict[str, str]]:
        listed = json.loads(self.diffmine("plugins", "--json", **variables))
        assert listed["failures"] == []
        return [one for one in listed["components"] if one["distribution"] == self.name]


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str], Installed]:
    def installed(name: str) -> Installed:
        source, site = tmp_path / "source", tmp_path / "site"
        if name == NEW:
            write_plugin(checked_answers(NEW, "clusterer", registry()), source)
        else:
            shutil.copytree(ROOT / "plugins" / name, source)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(source)]
        if importlib.util.find_spec("hatchling"):
            pip.append("--no-build-isolation")
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return Installed(name, site)

    return installed


def test_every_distribution_is_tested_here() -> None:
    assert set(SETTINGS) == {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")} | {NEW}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_it_is_installed_listed_run_and_removed(install: Callable[[str], Installed], name: str, tmp_path: Path) -> None:
    installed = install(name)
    (plugin,) = {one["plugin"] for one in installed.components()}

    clip = tiny_clip(tmp_path / "clip")
    settings = [word for one in SETTINGS[name] for word in ("--set", one.format(clip=clip, folder=tmp_path))]
    recipe, run, store = write_tiny_recipe(tmp_path), str(tmp_path / "run"), str(tmp_path / "store")
    installed.diffmine("run", str(recipe), *settings, "--out", run, "--store", store)

    shutil.rmtree(installed.site)
    # Whoever develops diffmine may have it installed for good besides; it is then left out by name.
    gone = {"DIFFMINE_DISABLED_PLUGINS": plugin} if installed.components() else {}
    assert installed.components(**gone) == []
    shown = installed.diffmine("show", run, **gone)
    assert "pixel average precision" in shown
    assert "tiny" in shown
