"""The figure of lives: a cell is the crop of its label, a bar as high as its share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from diffmine.builtin.figures.life import BAR, DEPTH, STRIP, LifeFigure, spread
from diffmine.builtin.reports.figures import Figures
from diffmine.commands.cli import cli
from diffmine.drawing.crops import crops
from diffmine.drawing.panels import CELL, GAP
from diffmine.engine.opening import load_run
from diffmine.errors import DataError
from diffmine.runs.run import Run
from diffmine.testing.toy_lives import YEARS, write_toy_lives
from diffmine.testing.toy_runs import write_toy_run

HEIGHT = DEPTH * (CELL + GAP) - GAP


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(write_toy_lives(tmp_path_factory.mktemp("lives")).path)


def test_crops_stand_at_their_labels_and_bars_are_as_high_as_shares(run: Run) -> None:
    assert run.life is not None
    (panel,) = LifeFigure(LifeFigure.Config()).panels(run.contents, YEARS, 2, 10)
    assert tuple(panel.columns) == YEARS
    assert panel.image.shape == (sum(panel.heights), len(YEARS) * (CELL + GAP) - GAP, 3)
    top = 0
    for element in run.life.by_change[:2]:
        for column, step in enumerate(element.steps):
            x = column * (CELL + GAP)
            for row, found in enumerate(crops(run.contents, step.rows[:DEPTH], CELL)):
                y = top + row * (CELL + GAP)
                np.testing.assert_array_equal(panel.image[y : y + CELL, x : x + CELL], found)
            strip = panel.image[top + HEIGHT : top + HEIGHT + STRIP + 2 * GAP, x + 2]
            blue = int((strip == BAR).all(axis=1).sum())
            assert blue == pytest.approx(STRIP * step.facts["share"], abs=2.5)
        top += HEIGHT + panel.heights[1]


def test_of_many_labels_some_are_shown_with_both_ends(run: Run) -> None:
    assert spread(YEARS, 3) == ["8", "10", "12"]
    assert spread(YEARS, 9) == list(YEARS)
    (panel,) = LifeFigure(LifeFigure.Config()).panels(run.contents, YEARS, 1, 3)
    assert list(panel.columns) == ["8", "10", "12"]
    assert "3 of 5 labels." in panel.notes
    assert "The 1 elements that change most, of 5." in panel.notes


def test_it_is_said_in_words(run: Run, tmp_path: Path) -> None:
    command = ["figure", str(run.path), "--kind", "life", "-o", str(tmp_path / "life.pdf")]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert "Element 0 (falls), share of pictures: 8: 95%, 9: 80%" in done.stderr


def test_a_report_draws_it_once_for_all_labels(run: Run, tmp_path: Path) -> None:
    figures = Figures(Figures.Config(formats=("png",)), (LifeFigure(LifeFigure.Config()),))
    figures.write(run, tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["life.png"]


def test_a_run_without_lives_says_how_to_have_them(tmp_path: Path) -> None:
    toy = write_toy_run(tmp_path, clusters=1, members=4)
    assert toy.life is None
    with pytest.raises(DataError, match=r"say \[dataset\] order, add a table \[life\]"):
        toy.figure("life")
