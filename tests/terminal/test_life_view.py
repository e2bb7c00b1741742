"""What ``diffmine show RUN --life`` prints, of a run whose lives were planted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from diffmine.commands.cli import cli
from diffmine.engine.opening import load_run
from diffmine.errors import RecipeError
from diffmine.runs.run import Run
from diffmine.terminal.life_view import shares_line
from diffmine.terminal.show import show_life
from diffmine.testing.toy_lives import write_toy_lives

NAMES = ("stone", "bronze age, in the hills", "iron", "[red]steam", "\x1b[31mnow")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(write_toy_lives(tmp_path_factory.mktemp("lives")).path)


def printed(run: Run, width: int, element: str | None = None, *, colours: bool = False) -> str:
    kind = {"force_terminal": True, "color_system": "truecolor"} if colours else {"color_system": None}
    console = Console(file=io.StringIO(), width=width, **kind)  # type: ignore[arg-type]
    show_life(run, console, element, 20)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("element", [None, "3"])
def test_it_looks_as_it_did(run: Run, element: str | None, width: int, as_it_did: Callable[[str, str], None]) -> None:
    as_it_did(f"life-{'all' if element is None else 'one'}-{width}", printed(run, width, element))


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("element", [None, "1"])
@pytest.mark.parametrize("colours", [False, True])
def test_no_line_is_wider_than_the_terminal(run: Run, width: int, element: str | None, colours: bool) -> None:
    text = Text.from_ansi(printed(run, width, element, colours=colours)).plain
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width


def test_names_of_labels_stay_text(tmp_path: Path) -> None:
    other = load_run(write_toy_lives(tmp_path, NAMES, NAMES).path)
    texts = [printed(other, 120, element) for element in (None, "0")]
    assert "\x1b" not in "".join(texts)
    assert "[red]steam" in texts[1]


def test_a_line_of_shares_says_how_high_they_are() -> None:
    assert shares_line([0, 0.5, 1]) == "▁▅█"
    assert shares_line([0.5] * 3) == "▅▅▅"
    assert len(shares_line([0.1] * 100, 24)) == 24


def test_an_element_that_is_not_there_and_options_that_do_not_fit_are_said_so(run: Run) -> None:
    with pytest.raises(RecipeError, match="there is no element '9'; they are numbered from 0 to 4"):
        printed(run, 80, "9")
    done = CliRunner().invoke(cli, ["show", str(run.path), "--life", "--label", "8"])
    assert done.exit_code == 2
    assert "only --cluster and --limit go with it" in done.output


def test_machines_are_told_of_lives_too(run: Run) -> None:
    done = CliRunner().invoke(cli, ["show", str(run.path), "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)["life"]
    assert [one["course"] for one in told] == ["falls", "rises", "cannot tell", "comes and goes", "cannot tell"]
    assert [step["label"] for step in told[0]["labels"]] == ["8", "9", "10", "11", "12"]
    assert [step["share"] for step in told[0]["labels"]] == [0.95, 0.8, 0.45, 0.25, 0.0]
