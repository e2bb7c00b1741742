"""``diffmine figure``: what its options change in the picture."""

from __future__ import annotations

import re
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


def test_a_figure_for_a_paper_holds_its_fonts_its_metrics_and_words_for_who_cannot_see_it(
    run: Run, tmp_path: Path
) -> None:
    written = {}
    for suffix in ("png", "pdf", "svg"):
        target = tmp_path / f"paper.{suffix}"
        command = ["figure", str(run.path), "--kind", "paper", "-o", str(target)]
        done = CliRunner().invoke(cli, command, catch_exceptions=False)
        told = done.stderr.strip().removeprefix("alt text: ")
        written[suffix] = target
    overall, own = run.metrics["pixel_average_precision"], run.metrics["pixel_average_precision"]["per_label"]["north"]
    assert f"pixel average precision: {own:.2f}; all labels {overall['value']:.2f}" in told
    medians = [one.facts["median_typicality"] for one in run.contents.best_clusters("north")]
    assert re.search(r"typicality ([\d., ]+)\.", told)[1].split(", ") == [f"{one:#.3g}" for one in medians]
    with Image.open(written["png"]) as image:
        assert image.text["Description"] == told
        assert image.width / 240 == pytest.approx(3.35, abs=0.02), "as wide as a column, inches"
    assert re.search(r"<title>([^<]*)</title>", written["svg"].read_text(encoding="utf-8"))[1] == told
    pdf = written["pdf"].read_bytes()
    assert pdf.count(b"/FontFile2") >= 1, "fonts are embedded"
    assert b"/Type3" not in pdf


def test_before_is_the_figure_that_python_draws(run: Run, tmp_path: Path) -> None:
    earlier = write_toy_run(tmp_path / "earlier", labels=["north"], clusters=4, members=8)
    shape(run, tmp_path / "shell.png", "--before", earlier.path, "--columns", 3)
    run.figure("typicality", ["north"], before=earlier, columns=3).save(tmp_path / "python.png")
    assert (tmp_path / "shell.png").read_bytes() == (tmp_path / "python.png").read_bytes()
    run.figure("typicality", ["north"], columns=3).save(tmp_path / "without.png")
    assert (tmp_path / "shell.png").read_bytes() != (tmp_path / "without.png").read_bytes()
