"""docs/how-to/plugin.md, followed by a stranger from the first command to the last before publishing.

In a virtual environment of its own, which sees the libraries that are installed here, as to install them would take
minutes; the plugin is installed by pip, as the page says.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_site import Site

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "how-to" / "plugin.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```bash\n(.*?)^```$", GUIDE.partition("## 4. Change it")[0], re.MULTILINE | re.DOTALL)

EXAMPLES = re.findall(r'^```python title="\w+.py"\n(?!--8<--)(.*?)^```$', GUIDE, re.MULTILINE | re.DOTALL)
(SWITCH,) = re.findall(r"^```toml\n(\[patch-colours\].*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
(READING,) = re.findall(r"^```python\n(.*?patch-colours.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A fresh virtual environment; its variables."""
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    site = next(place.glob("lib/python*/site-packages"), place / "Lib" / "site-packages")
    (site / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    programs = place / "bin"
    for program in ("pip", "pytest", "diffmine"):
        (programs / program).write_text(f'#!/bin/sh\nexec {programs / "python"} -m {program} "$@"\n')
        (programs / program).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    store = str(tmp_path / "store")
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DIFFMINE_STORE": store, "COLUMNS": "160"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are for a POSIX shell")
def test_the_guide_works_as_it_is_written(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    write_tiny_recipe(tmp_path / "recipes").rename(tmp_path / "recipes" / "quickstart.toml")
    said = ""
    for commands in COMMANDS:
        done = subprocess.run(
            ["bash", "-ec", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, commands + done.stdout + done.stderr
        said += done.stdout
    assert len(COMMANDS) == 3
    assert "diffmine-roofs 0.1.0" in said, "diffmine plugins says where roofs comes from"
    assert "clusterer roofs  11 tests passed" in said
    assert (tmp_path / "runs" / "roofs" / "clusters.parquet").exists()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The examples of the page in one plugin."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.install("diffmine-examples", "\n".join(EXAMPLES))
    return site


def test_the_examples_keep_their_contracts(examples: Site) -> None:
    done = examples.diffmine("test-plugin", "diffmine-examples")
    assert done.returncode == 0, done.stdout + done.stderr
    tested = [line.partition("  ")[0] for line in done.stdout.splitlines()]
    assert tested == ["typicality scorer colour-gap", "describer brightness", "stage patch-colours"]


def test_the_examples_run_together_and_are_read_as_the_page_says(
    examples: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_tiny_recipe(tmp_path, extra=SWITCH)
    chosen = ("scorer.use=colour-gap", "features.use=pixels", "describers.use=brightness")
    settings = [word for one in chosen for word in ("--set", one)]
    done = examples.diffmine("run", recipe, *settings, "--out", "runs/colours", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    with contextlib.redirect_stdout(io.StringIO()) as said:
        names: dict[str, Any] = {}
        exec(READING, names)
    assert said.getvalue() == "['patch-colours.parquet'] True\n"
    assert {word.text for one in names["run"].descriptions for word in one.words} == {"bright", "dark"}
