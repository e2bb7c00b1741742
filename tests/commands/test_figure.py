"""``diffmine figure``: what its options change in the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from diffmine.commands.cli import cli
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("toy"), labels=["north"], clusters=4, members=8)


def shape(run: Run, target: Path, *options: object) -> float:
    """Height by width of the figure."""
    done = CliRunner().invoke(cli, ["figure", str(run.path), "-o", str(target), *map(str, options)])
    assert done.exit_code == 0, done.output
    with Image.open(target) as image:
        return image.height / image.width


@pytest.mark.parametrize("kind", ["grid", "strips", "typicality", "influence", "whole"])
def test_rows_and_columns_shape_the_figure(run: Run, kind: str, tmp_path: Path) -> None:
    target = tmp_path / "figure.png"
    usual = shape(run, target, "--kind", kind, "--rows", 2, "--columns", 4)
    assert shape(run, target, "--kind", kind, "--rows", 4, "--columns", 4) > 1.5 * usual
    assert shape(run, target, "--kind", kind, "--rows", 2, "--columns", 8) < 0.8 * usual


def test_before_is_the_figure_that_python_draws(run: Run, tmp_path: Path) -> None:
    earlier = write_toy_run(tmp_path / "earlier", labels=["north"], clusters=4, members=8)
    shape(run, tmp_path / "shell.png", "--before", earlier.path, "--columns", 3)
    run.figure("typicality", ["north"], before=earlier, columns=3).save(tmp_path / "python.png")
    assert (tmp_path / "shell.png").read_bytes() == (tmp_path / "python.png").read_bytes()
    run.figure("typicality", ["north"], columns=3).save(tmp_path / "without.png")
    assert (tmp_path / "shell.png").read_bytes() != (tmp_path / "without.png").read_bytes()
