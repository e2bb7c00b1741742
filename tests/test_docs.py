"""Every block of code in README and the pages, and the notebook, is run, or says above it why it cannot be.

All pages share one folder in which everything they name exists: toy pictures, tiny checkpoints at the place of the
published ones, the recipes, a finished run. Recipes are checked as they stand; before they run, they are made small.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import diffmine
from diffmine.commands.cli import main
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.studies.study import check_points
from diffmine.studies.study_file import load_study
from diffmine.testing.published_layouts import write_g3
from diffmine.testing.tiny_recipe import TINY_RECIPE
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.testing.toys import tiny_clip, tiny_stable_diffusion, tiny_stable_diffusion_xl

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples" / "explore.ipynb"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "plugins/diffmine-example/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(
    r"(?:^<!-- not run: *(?P<reason>.*?) *-->\n)?"
    r"^```(?P<language>\S*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
SHELL = re.compile(r"[|><&;*]")
NOT_CODE = ("text", "bibtex", "html")

SMALL = {
    "dataset": {"": ["per_label=8", "image_size=32"]},
    "model": {"patch-unet": ["start=scratch", "channels=[32, 32]", "latent_channels=8", "conditioning_width=16"]},
    "finetune": {"": ["steps=2", "batch_size=4", "warmup_steps=1", "validate_every=0"]},
    "scorer": {"": ["draws=2"]},
    "patches": {"": ["size=8", "per_image=2", "per_label=20"]},
    "features": {"dift": ["ensemble=1"]},
    "report": {"": ["use=terminal"]},
}
"""table -> component, or "" for all -> settings with which a documented recipe runs in seconds."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    title: str | None
    reason: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        code = SNIPPET.sub(lambda snippet: (ROOT / snippet[1]).read_text(encoding="utf-8"), match["code"])
        line = text.count("\n", 0, match.start("language")) + 1
        yield Block(page, line, match["language"], match["title"], match["reason"], code)


BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the pages' commands are given in."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    tiny = TINY_RECIPE.replace('"tiny"', '"quickstart"').replace('["terminal"]', '["terminal", "figures", "html"]')
    (folder / "recipes/quickstart.toml").write_text(tiny, encoding="utf-8")
    write_toy_folder(folder / "recipes/pictures", labels=("Glassboro", "Hatfield"), per_label=8)
    write_toy_folder(folder / "photos", labels=("lisbon", "porto"), per_label=6)
    write_cars(folder / "cars")
    write_g3(folder / "data/g3")
    tiny_stable_diffusion(folder / "stable-diffusion-v1-5/stable-diffusion-v1-5")
    tiny_stable_diffusion_xl(folder / "stabilityai/stable-diffusion-xl-base-1.0")
    tiny_clip(folder / "geolocal/StreetCLIP")
    diffmine.run(folder / "recipes/quickstart.toml", out=folder / "runs/quickstart", store=folder / "store")
    return folder


@pytest.fixture
def there(place: Path, monkeypatch: pytest.MonkeyPatch, own_store: Path) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.setenv("DIFFMINE_STORE", str(place / "store"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_of_code_run(page: Path, there: Path) -> None:
    names: dict[str, Any] = {"__name__": "docs"}
    for block in blocks(page):
        if block.title and not (there / block.title).is_dir():
            (there / block.title).write_text(block.code, encoding="utf-8")
        if block.reason is None and block.language not in NOT_CODE:
            try:
                RUNNERS[block.language](block, there, names)
            except Exception as error:
                raise AssertionError(f"{block}: {error}") from error


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_its_language_or_why_it_is_not_run(block: Block) -> None:
    assert block.language in {*RUNNERS, *NOT_CODE}
    assert block.reason is None or len(block.reason.split()) > 1, "say why"


def test_the_notebook_shows_what_its_committed_outputs_show(there: Path) -> None:
    committed, fresh = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    nbformat.validate(committed)
    (there / "examples").mkdir(exist_ok=True)
    NotebookClient(fresh, timeout=300, resources={"metadata": {"path": there / "examples"}}).execute()
    assert forms(fresh) == forms(committed), "run it again, and look at it"
    assert {"text/html", "image/png", "stream"} <= {form for cell in forms(fresh) for output in cell for form in output}


def forms(notebook: Any) -> list[list[list[str]]]:
    """For each code cell, the forms of each of its outputs."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[sorted(output.get("data", {output.output_type: ""})) for output in cell.outputs] for cell in cells]


def run_bash(block: Block, there: Path, names: dict[str, Any]) -> None:
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["diffmine"] and not SHELL.search(line):
            run_command([*words[1:], *smaller(words)])
        elif words:
            done = subprocess.run(["bash", "-ec", line], cwd=there, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def run_command(arguments: list[str]) -> None:
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            pytest.fail(f"diffmine {shlex.join(arguments)} ended with {end.code}")


def smaller(words: list[str]) -> list[str]:
    """Settings that make the recipe of a documented ``diffmine run`` small."""
    if words[1] != "run" or words[2] == "recipes/quickstart.toml":
        return []
    overrides = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    tables = load_recipe(words[2], overrides).tables
    settings = [
        f"{table}.{setting}"
        for table, by_component in SMALL.items()
        for component, wanted in by_component.items()
        if component in ("", tables[table]["use"]) and not (table == "finetune" and tables[table]["use"] == "none")
        for setting in wanted
    ]
    return [word for setting in settings for word in ("--set", setting)]


def run_python(block: Block, there: Path, names: dict[str, Any]) -> None:
    exec(compile(block.code, str(block), "exec"), names)


def check_toml(block: Block, there: Path, names: dict[str, Any]) -> None:
    """A study, a recipe, a part of one, or the entry point of a plugin."""
    content = tomllib.loads(block.code)
    path = there / (block.title or "block.toml")
    path.write_text(block.code, encoding="utf-8")
    if "recipe" in content:
        check_points(load_study(path).points)
    elif "project" in content:
        module = content["project"]["entry-points"]["diffmine"]
        assert set(module.values()) <= {entry.component.__module__ for entry in registry().entries()}
    elif "name" in content or "extends" in content:
        resolve(load_recipe(path), registry())
    else:
        resolve(parse_recipe({"name": "part", "dataset": {"use": "folder", "path": "photos"}, **content}), registry())


RUNNERS: dict[str, Callable[[Block, Path, dict[str, Any]], None]] = {
    "bash": run_bash,
    "python": run_python,
    "toml": check_toml,
}


def write_cars(folder: Path) -> None:
    """``cars.csv`` and the pictures that it lists, of two decades."""
    pictures = write_toy_folder(folder / "drawn", labels=("1924", "1957"), per_label=6)
    (folder / "pictures").mkdir()
    rows = []
    for number, path in enumerate(sorted(pictures.rglob("*.png"))):
        path.rename(folder / "pictures" / f"{number}.png")
        rows.append((f"{number}.png", path.parent.name, "Fiat"))
    with (folder / "cars.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "year", "maker"), *rows])
