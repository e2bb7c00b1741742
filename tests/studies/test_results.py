"""Summaries over seeds, marks, and the table of results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Clustering, Entry, Figure
from diffmine.studies.markdown import results_markdown
from diffmine.studies.plots import legend, plot_metrics, swept
from diffmine.studies.results import Results, mean_figure
from diffmine.testing.planted import planted_run
from diffmine.testing.toy_runs import write_toy_run


def entry(
    variant: str, seed: int = 0, *, settings: dict[str, Any] | None = None, failed: bool = False, **values: Any
) -> Entry:
    """A run with metrics: a number, or (value, low, high)."""
    if failed:
        return Entry(variant, settings or {}, seed, Path(variant), None, 1.0, "it broke | badly")
    run = planted_run(labels=1, images=2, heldout=0)
    run.info = {**run.info, "stages": {"metrics": {"key": "none", "seconds": 2.5}}, "store": "nowhere"}
    figures = {name: value if isinstance(value, tuple) else (value, None, None) for name, value in values.items()}
    run.metrics = {
        name: {"value": value, "low": low, "high": high, "chance": 0.1, "count": 4, "per_label": {}}
        for name, (value, low, high) in figures.items()
    }
    return Entry(variant, settings or {}, seed, Path(variant), run, 3.0)


def test_several_seeds_give_their_mean_with_students_interval() -> None:
    figure = mean_figure([Figure(1.0, chance=0.2), Figure(2.0, chance=0.4), Figure(3.0)])
    reach = 4.302652729749464 / math.sqrt(3)  # Student's t at 97.5 %, 2 degrees of freedom; standard deviation 1
    assert figure.value == 2.0
    assert (figure.low, figure.high) == (pytest.approx(2 - reach), pytest.approx(2 + reach))
    assert figure.chance == pytest.approx(0.3)


def test_one_seed_keeps_its_own_interval() -> None:
    (row,) = Results("r", [entry("a", precision=(0.5, 0.4, 0.6))]).summary
    assert row.figures["precision"] == Figure(0.5, 0.4, 0.6, 0.1)


def test_the_best_is_marked_and_what_cannot_be_told_from_it() -> None:
    results = Results(
        "r",
        [
            entry("best", m=(0.9, 0.8, 1.0)),
            entry("near", m=(0.7, 0.6, 0.81)),
            entry("far", m=(0.5, 0.4, 0.79)),
            entry("failed", failed=True),
        ],
    )
    assert [results.mark(row, "m") for row in results.summary[:3]] == ["best", "even", "behind"]
    assert results.summary[3].figures == {}


def better(which: str, one: Entry) -> Entry:
    one.run.metrics["m"]["better"] = which  # type: ignore[union-attr]
    return one


def test_figures_that_describe_and_single_figures_have_no_best() -> None:
    results = Results("r", [better("none", entry("a", m=0.5, only=0.1)), better("none", entry("b", m=0.4))])
    first = results.summary[0]
    assert [results.mark(first, metric) for metric in ("m", "only")] == ["none", "none"]


def test_the_lowest_is_best_where_lower_is_better() -> None:
    results = Results(
        "r",
        [
            better("lower", entry("worst", m=(0.9, 0.8, 1.0))),
            better("lower", entry("near", m=(0.4, 0.29, 0.5))),
            better("lower", entry("best", m=(0.2, 0.1, 0.3))),
        ],
    )
    assert [results.mark(row, "m") for row in results.summary] == ["behind", "even", "best"]
    assert "of m the lowest" in results.legend("*")


def test_who_has_one_seed_is_cautioned() -> None:
    twice = [entry(variant, seed, m=0.5) for variant in "ab" for seed in (1, 2)]
    assert Results("r", twice, study={}).caution is None
    assert "seeds = [1, 2, 3]" in str(Results("r", twice[::2], study={}).caution)
    assert "one seed" not in str(Results("r", twice[::2]).caution), "runs made apart have no study file"
    assert Results("r", twice[:1], study={}).caution is None, "nothing is compared"


def test_what_clusters_leave_out_is_told(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=3, members=8)
    own = [row for row in run.patches.to_pylist() if row["selection"] == "top"]
    left = sum(row["cluster"] == -1 for row in own) / len(own)
    results = Results("r", [Entry("a", {}, seed, run.path, run) for seed in (1, 2)])
    assert left > 0
    assert results.summary[0].clustering == Clustering(9, pytest.approx(left))
    assert [(row["clusters"], row["outliers"]) for row in results.table().to_pylist()] == [(9, left)] * 2
    assert f"| 2 | 9 | {left:.0%} |" in results_markdown(results, Comparison([]))


def test_the_best_is_the_farthest_above_its_chance() -> None:
    high, higher = entry("high", m=2.4), entry("higher", m=2.5)
    higher.run.metrics["m"]["chance"] = 2.0  # type: ignore[union-attr]
    results = Results("r", [high, higher])
    assert [results.mark(row, "m") for row in results.summary] == ["best", "behind"]


def test_equal_figures_are_even() -> None:
    results = Results("r", [entry("a", m=(0.5, 0.4, 0.6)), entry("b", m=(0.5, 0.4, 0.6))])
    assert [results.mark(row, "m") for row in results.summary] == ["even", "even"]


def test_the_table_has_a_row_a_run_whatever_each_measured() -> None:
    results = Results(
        "r",
        [
            entry("a", 1, settings={"patches.size": 8}, m=(0.5, 0.4, 0.6)),
            entry("a", 2, settings={"patches.size": 8}, other=1.5),
            entry("b", 1, settings={"patches.size": 8}, failed=True),
        ],
    )
    rows = results.table().to_pylist()
    assert [(row["variant"], row["patches.size"], row["seed"]) for row in rows] == [
        ("a", 8, 1),
        ("a", 8, 2),
        ("b", 8, 1),
    ]
    assert [row["m"] for row in rows] == [0.5, None, None]
    assert [row["m_low"] for row in rows] == [0.4, None, None]
    assert [row["other"] for row in rows] == [None, 1.5, None]
    assert rows[0]["seconds_metrics"] == 2.5
    assert rows[2]["error"] == "it broke | badly"


def test_settings_that_are_no_numbers_become_text() -> None:
    results = Results("r", [entry("a", settings={"x": value}, m=0.5) for value in (True, [1, 2], "word")])
    assert results.table()["x"].to_pylist() == ["True", "1 2", "word"]


def test_markdown_marks_the_best_and_escapes() -> None:
    results = Results("r", [entry("a", m=(0.5, 0.4, 0.6)), entry("b", m=0.25), entry("c", failed=True)], "<b>why</b>")
    page = results_markdown(results, Comparison([]))
    assert "| a | 1 |  |  | **0.500** [0.400, 0.600] |" in page
    assert "| b | 1 |  |  | 0.250 |" in page
    assert "it broke \\| badly" in page
    assert "<b>" not in page


def test_what_is_swept_is_the_grid_else_variants_that_are_numbers() -> None:
    grid = Results("r", [entry(v, settings={"k": k}, m=0.5) for v in "ab" for k in (1, 2)])
    assert [(curve.name, curve.at) for curve in swept(grid)] == [("a", [1, 2]), ("b", [1, 2])]
    steps = Results("r", [entry(name, m=0.5) for name in ("0", "50", "100")])
    assert [curve.at for curve in swept(steps)] == [[0, 50, 100]]
    assert swept(Results("r", [entry("kmeans", m=0.5), entry("hdbscan", m=0.4)])) == []


def test_the_legend_of_plots_names_what_is_drawn() -> None:
    def named(*entries: Entry) -> list[str]:
        return [str(handle.get_label()) for handle in legend(Results("r", entries))]

    assert named(*(entry(v, settings={"k": k}, m=0.5) for v in "ab" for k in (1, 2))) == ["a", "b", "chance"]
    assert named(entry("a", m=(0.5, 0.4, 0.6)), entry("b", m=0.3)) == ["best", "other", "95 % interval", "chance"]
    assert named(*(better("none", entry(v, m=0.5)) for v in "ab")) == ["figure", "chance"]


def test_a_metric_that_some_runs_lack_can_be_drawn(tmp_path: Path) -> None:
    from PIL import Image

    grid = [entry("a", settings={"k": 1}, m=0.5), entry("a", settings={"k": 2}, n=(0.1, 0.0, 0.2))]
    for number, entries in enumerate((grid, [entry("a", m=0.5), entry("b", n=0.5)])):
        path = tmp_path / f"{number}.png"
        plot_metrics(Results("r", entries), path)
        with Image.open(path) as image:
            assert image.width > 300
