"""A run in a notebook, executed in a kernel of its own."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import diffmine
from diffmine.testing.tiny_recipe import write_tiny_recipe

COLOURS = re.compile(r"\x1b\[[\d;]*m")


def outputs(folder: Path, source: str) -> list[dict]:
    """What one cell shows, when it is the whole notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return notebook.cells[0].outputs


def test_a_notebook_shows_bars_in_one_output_that_is_redrawn(tmp_path: Path) -> None:
    write_tiny_recipe(tmp_path)
    bars, *others = outputs(tmp_path, 'import diffmine\nrun = diffmine.run("tiny.toml")\nrun.info["name"]')
    text = COLOURS.sub("", bars["data"]["text/plain"])
    stages = ["images", "finetune", "typicality", "patches", "features", "clusters", "metrics", "checks", "report"]
    assert [line.split()[:2] for line in text.splitlines()] == [["✓", name] for name in [*stages, "all"]]
    assert "6 of 6 steps" in text
    assert bars["data"]["text/html"].startswith("<pre")
    assert [one["data"]["text/plain"] for one in others if one["output_type"] == "execute_result"] == ["'tiny'"]
    assert "Traceback" not in json.dumps(others)
    assert 'install \\"ipywidgets' not in json.dumps(others), "rich asks for nothing"


def test_warnings_follow_below_the_bars(tmp_path: Path) -> None:
    write_tiny_recipe(tmp_path)
    (tmp_path / "pictures" / next((tmp_path / "pictures").iterdir()).name / "bad.png").write_bytes(b"no picture")
    bars, *others = outputs(tmp_path, 'import diffmine\ndiffmine.run("tiny.toml", until="images");')
    assert "images" in bars["data"]["text/plain"]
    assert "warning" in json.dumps(others)


def test_a_script_shows_nothing(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        diffmine.run(recipe, out=tmp_path / "run", until="images")
    assert shown.getvalue() == ""
