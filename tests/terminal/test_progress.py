"""How runs and studies say how far they are and how fast they go."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from diffmine.interfaces import Event, Listener, Progress
from diffmine.progress.durations import noun, rate
from diffmine.progress.rows import rows
from diffmine.progress.tally import Tally
from diffmine.terminal.progress import LiveView, PlainLines, WarningsOnly

STAGES = ("images", "finetune", "typicality")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def console(width: int = 80, *, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def begun(listener: Listener, run: str = "tiny", stage: str = "typicality") -> Progress:
    """A stage has begun to compute."""
    listener(Event("run started", run, names=STAGES))
    listener(Event("stage started", run, stage))
    return Progress(listener, run=run, stage=stage)


def drawn(tally: Tally, width: int) -> list[str]:
    paper = console(width)
    paper.print(rows(tally, width))
    return [" ".join(line.split()) for line in written(paper)]


@pytest.mark.parametrize(
    ("speed", "said"),
    [(1234.5, "1,234/s"), (12.3, "12/s"), (1.0, "1.0/s"), (1 / 3.1, "3.1 s each"), (1 / 125, "2 min 05 s each")],
)
def test_a_rate_is_in_units_a_second_or_seconds_a_unit(speed: float, said: str) -> None:
    assert rate(speed) == said


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("describers", "describer"),
        ("images", "image"),
        ("phases", "phase"),
        ("batches", "batch"),
        ("classes", "class"),
        ("boxes", "box"),
        ("cities", "city"),
        ("", ""),
    ],
)
def test_one_is_counted_in_the_singular(plural: str, singular: str) -> None:
    assert [noun(number, plural) for number in (0, 1, 2)] == [plural, singular, plural]


def test_rows_and_lines_count_one_in_the_singular() -> None:
    lines, tally = console(), Tally(Clock())
    for listener in (PlainLines(lines, Clock()), tally):
        progress = begun(listener)
        progress.start(1, "describers")
    assert any(line.endswith(": 1 describer") for line in written(lines))
    assert any("0 of 1 describer " in f"{line} " for line in drawn(tally, 100))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.125, "80 of 1,000 images, 8.0/s, 1 min 55 s left"),
        (4.0, "3 of 1,000 images, 4.0 s each, 1 h 06 min left"),
        (60.0, "1 of 1,000 images, 1 min 00 s each, 16 h 39 min left"),
    ],
)
def test_plain_lines_say_the_rate_and_the_time_left(seconds: float, said: str) -> None:
    lines, clock = console(), Clock()
    progress = begun(PlainLines(lines, clock))
    progress.start(1000, "images")
    progress.advance(0)
    for _ in range(80):
        clock.now += seconds
        progress.advance()
    assert written(lines)[:2] == ["typicality: 1,000 images", f"typicality: {said}"]


def test_what_an_earlier_attempt_did_makes_no_rate() -> None:
    """However long it took to load the model and the checkpoint."""
    lines, clock = console(), Clock()
    progress = begun(PlainLines(lines, clock), stage="finetune")
    progress.status("loading the model")
    progress.start(1000, "steps")
    clock.now += 18
    progress.advance(900)
    progress.status("loss 0.2")
    for _ in range(5):
        clock.now += 2
        progress.advance()
    assert written(lines)[:2] == ["finetune: loading the model", "finetune: 1,000 steps"]
    assert written(lines)[2] == "finetune: 901 of 1,000 steps, 2.0 s each, 3 min 18 s left, loss 0.2"


def test_a_status_is_not_held_up_by_what_was_shown_before() -> None:
    tally, clock = Tally(clock := Clock()), clock
    progress = begun(tally, stage="finetune")
    clock.now += 3
    progress.status("loading the model")
    assert "▸ finetune 3.0 s loading the model" in [line.replace("━", "").strip() for line in _without_bars(tally)]
    progress.start(300, "steps")
    assert "▸ finetune 0 of 300 steps 3.0 s" in _without_bars(tally)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 600.0])
def test_rows_have_a_rate_however_slow_units_are(seconds: float) -> None:
    clock = Clock()
    progress = begun(tally := Tally(clock))
    progress.start(10, "images")
    progress.advance(0)
    for _ in range(4):
        clock.now += seconds
        progress.advance()
    said = {0.5: "2.0/s, 3.0 s left", 2.0: "2.0 s each, 12 s left", 600.0: "10 min 00 s each, 1 h 00 min left"}
    assert f"▸ typicality 4 of 10 images {said[seconds]}" in _without_bars(tally)


def test_a_finished_run_says_what_each_stage_and_all_of_them_took() -> None:
    clock = Clock()
    tally = Tally(clock)
    progress = begun(tally, stage="images")
    tally(Event("stage finished", "tiny", "images", seconds=0.1, reused=True))
    progress = begun_stage(tally, "finetune")
    progress.start(30, "steps")
    progress.advance(30)
    clock.now += 70
    assert _without_bars(tally)[-1] == "▸ all 1 of 3 stages 1 min 10 s"
    tally(Event("stage finished", "tiny", "finetune", seconds=70))
    tally(Event("run finished", "tiny", seconds=71))
    clock.now += 1000
    assert _without_bars(tally) == [
        "✓ images from the store",
        "✓ finetune 30 of 30 steps 1 min 10 s",
        "· typicality",
        "✓ all 2 of 3 stages 1 min 11 s",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_runs_rows_keep_what_matters_at_any_width(width: int) -> None:
    clock = Clock()
    progress = begun(tally := Tally(clock))
    progress.start(12000, "images")
    progress.advance(0)
    for _ in range(40):
        clock.now += 3.1
        progress.advance()
    progress.status(
        "a remark that is far too long for any terminal to have room for it, so that it is cut off, at last"
    )
    text = "\n".join(drawn(tally, width))
    assert "typicality" in text
    assert "40 of 12,000" in text
    assert "10 h 17 min left" in text
    assert len(text.splitlines()) == len(STAGES) + 1
    assert ("3.1 s each" in text) == (width > 60)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_studys_rows_have_their_times_in_full(width: int) -> None:
    clock = Clock()
    tally = Tally(clock)
    tally(Event("study started", names=tuple("abcdefghijkl")))
    for run in "abc":
        begun(tally, run)
        clock.now += 725
        tally(Event("run finished", run, seconds=725))
    progress = begun(tally, "steps.a-long-name guidance=7.5")
    progress.start(12000, "images")
    progress.advance(0)
    for _ in range(40):
        clock.now += 3.1
        progress.advance()
    text = "\n".join(drawn(tally, width))
    assert "3 of 12" in text
    assert "1 h 48 min left" in text
    assert "guidance=7.5 typicality" in text
    assert "40 of 12,000" in text
    assert "10 h 17 min left" in text
    assert ("12 min 05 s each" in text) == ("3.1 s each" in text) == (width > 60)
    assert len(text.splitlines()) == 2


def study(listener: Listener) -> None:
    """Two runs that warn of the same; one fails."""
    listener(Event("study started", names=("s.one", "s.two")))
    for run in ("s.one", "s.two"):
        begun(listener, run).warn("2 pictures [were] skipped")
    listener(Event("stage finished", "s.one", "typicality", seconds=2))
    listener(Event("run finished", "s.one", seconds=3))
    listener(Event("run finished", "s.two", seconds=4, text="stage 'clusters' failed"))
    listener(Event("study finished", seconds=7))


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (WarningsOnly, ["warning: 2 pictures [were] skipped", "✗ s.two: stage 'clusters' failed"]),
        (
            PlainLines,
            [
                "2 runs",
                "warning: 2 pictures [were] skipped",
                "warning: 2 pictures [were] skipped",
                "s.one: typicality: done (2.0 s)",
                "✓ s.one  3.0 s",
                "✗ s.two: stage 'clusters' failed",
                "2 runs in 7.0 s",
            ],
        ),
    ],
)
def test_what_a_study_says_where_there_is_no_terminal(view: Callable[[Console], Listener], said: list[str]) -> None:
    lines = console()
    study(view(lines))
    assert written(lines) == said


def test_a_live_study_takes_its_bars_away_and_leaves_what_became_of_the_runs() -> None:
    view = LiveView(screen := console(80, terminal=True))
    study(view)
    view.stop()
    last = "".join(written(screen)[-1:])
    assert any("✓ s.one  3.0 s" in line for line in written(screen))
    assert any("2 runs in 7.0 s" in line for line in written(screen))
    assert "of 2 runs" not in last


def begun_stage(listener: Listener, stage: str) -> Progress:
    listener(Event("stage started", "tiny", stage))
    return Progress(listener, run="tiny", stage=stage)


def _without_bars(tally: Tally) -> list[str]:
    return [" ".join(line.replace("━", " ").replace("╸", " ").replace("╺", " ").split()) for line in drawn(tally, 120)]
