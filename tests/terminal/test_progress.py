"""How runs and studies say how fast they go."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from diffmine.terminal import run_progress
from diffmine.terminal.run_progress import LiveView, PlainLines, rate
from diffmine.terminal.study_progress import LiveStudy


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run_progress, "time", clock)
    return clock


def console(width: int = 80, *, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("speed", "said"),
    [
        (1234.5, "1,234 images/s"),
        (12.3, "12 images/s"),
        (1.0, "1.0 images/s"),
        (1 / 3.1, "3.1 s/image"),
        (1 / 125, "2 min 05 s/image"),
    ],
)
def test_a_rate_is_in_units_a_second_or_seconds_a_unit(speed: float, said: str) -> None:
    assert rate(speed, "images") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.125, "80 of 1,000 images, 8.0 images/s, 1 min 55 s left"),
        (4.0, "3 of 1,000 images, 4.0 s/image, 1 h 06 min left"),
        (60.0, "1 of 1,000 images, 1 min 00 s/image, 16 h 39 min left"),
    ],
)
def test_plain_lines_say_the_rate_and_the_time_left(seconds: float, said: str, clock: Clock) -> None:
    lines = console()
    progress = PlainLines(lines).stage_started("typicality")
    progress.start(1000, "images")
    progress.advance(0)
    for _ in range(80):
        clock.now += seconds
        progress.advance()
    assert written(lines)[:2] == ["typicality: 1,000 images", f"typicality: {said}"]


def test_what_an_earlier_attempt_did_makes_no_rate(clock: Clock) -> None:
    lines = console()
    progress = PlainLines(lines).stage_started("typicality")
    progress.start(1000, "images")
    progress.advance(900)
    progress.status("loss 0.2")
    for _ in range(5):
        clock.now += 2
        progress.advance()
    assert written(lines)[1] == "typicality: 905 of 1,000 images, 2.0 s/image, 3 min 10 s left, loss 0.2"


@pytest.mark.parametrize("seconds", [0.5, 2.0, 600.0])
def test_live_bars_have_a_rate_however_slow_units_are(seconds: float) -> None:
    view, clock = LiveView(console(120, terminal=True)), Clock()
    _stand_still(view, clock)
    progress = view.stage_started("typicality")
    progress.start(10, "images")
    for _ in range(4):
        clock.now += seconds
        progress.advance()
    said = {0.5: "2.0/s, 3.0 s left", 2.0: "2.0 s each, 12 s left", 600.0: "10 min 00 s each, 1 h 00 min left"}
    view.stop()
    assert f"4 of 10 images {said[seconds]}" in " ".join(_bars(view).split())


@pytest.mark.parametrize("width", [80, 120])
def test_a_studys_bars_have_their_rates_in_full(width: int) -> None:
    view, clock = LiveStudy(console(width, terminal=True)), Clock()
    view.planned(12)
    _stand_still(view, clock)
    for _ in range(3):
        view.run_started("steps.few")
        clock.now += 725
        view.run_finished("steps.few", 725, None)
    progress = view.run_started("steps.a-long-name guidance=7.5").stage_started("typicality")
    progress.start(12000, "images")
    for _ in range(40):
        clock.now += 3.1
        progress.advance()
    view.stop()
    bars = _bars(view)
    assert "3 of 12 runs" in bars
    assert "12 min 05 s each, 1 h 48 min left" in bars
    assert "guidance=7.5 typicality" in bars
    assert "40 of 12,000 images" in bars
    assert "3.1 s each, 10 h 17 min left" in bars


def _stand_still(view: LiveView | LiveStudy, clock: Clock) -> None:
    """Let a view's bars go by the clock, and be drawn when asked for only."""
    view._progress.get_time = clock.monotonic
    view._progress.live.auto_refresh = False
    for task in view._progress.tasks:
        task._get_time = clock.monotonic
        task.start_time = task.start_time and clock.now


def _bars(view: LiveView | LiveStudy) -> str:
    """The bars as they would be drawn now."""
    paper = console(view._progress.console.width)
    paper.print(view._progress.get_renderable())
    return "\n".join(written(paper))
