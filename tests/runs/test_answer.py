"""The answer of a run: each sentence and each piece of advice follows from what the run has measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from diffmine.recipes.reading import parse_recipe
from diffmine.runs.answer import Answer, answer
from diffmine.runs.verdicts import verdict_of
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import Box, Description, Flag, ImageRecord, Patch, Word

PICTURES = 60
LABELS = ("boat", "cat")
Change = Callable[[MemoryRun], None]


def sound_run() -> MemoryRun:
    """Two labels that are told apart, each with a typical cluster and one of which nobody can tell."""
    records, patches, cluster, clusters = [], [], [], []
    for label in LABELS:
        ids = [f"{label}{number}" for number in range(PICTURES)]
        records += [ImageRecord(one, one, (label,), 32, 32, one, "heldout", mined=True) for one in ids]
        patches += [
            Patch(one, label, Box(0, 0, 8, 8), 0.1, 0.01, "top", rank, p_value=0.001, q_value=0.002)
            for rank, one in enumerate(ids)
        ]
        cluster += [number % 2 for number in range(PICTURES)]
        for number, bound in enumerate((0.666, 0.0)):
            facts = dict.fromkeys(("median_typicality", "mean_typicality"), 0.1 - 0.01 * number)
            row = {"label": label, "cluster": number, "rank": number, "size": 30, "images": 30, "at_least": bound}
            clusters.append({**row, **facts})
    records += [
        ImageRecord(f"t{number}", f"t{number}", ("boat",), 32, 32, f"t{number}", "train") for number in range(60)
    ]
    evidence = [
        {"table": "selected", "label": label, "images": 60, "tests": 60, "nulls": 60, "smallest_q": 1 / 61}
        for label in LABELS
    ]
    run = MemoryRun(records, patches=patches, cluster=cluster, clusters=clusters, evidence=evidence)
    run.info = {**run.info, "stages": {name: {} for name in ("images", "finetune", "clusters", "metrics")}}
    run.recipe = parse_recipe(
        {
            "name": "memory",
            "dataset": {"use": "memory"},
            "patches": {"use": "top", "size": 16},
            "finetune": {"use": "full", "batch_size": 16},
            "scorer": {"draws": 16},
        }
    )
    run.training_log = pa.table({"step": [1, 800], "loss": [1.0, 0.5]})
    run.flags, run.descriptions, run.metrics = [], [], {"label_auc": auc(0.9, 0.85, 0.94)}
    return run


def auc(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "chance": 0.5, "count": 120}


def bounds(run: MemoryRun, of: Mapping[tuple[str, int], float | None]) -> None:
    rows = [
        {**row, "at_least": of.get((row["label"], row["cluster"]), row["at_least"])} for row in run.clusters.to_pylist()
    ]
    run.clusters = pa.Table.from_pylist(rows, schema=run.clusters.schema)


def of(change: Change = lambda run: None) -> Answer:
    run = sound_run()
    change(run)
    return answer(run)


def test_a_sound_run_is_told_in_three_sentences_and_needs_nothing() -> None:
    assert of().sentences == (
        "The labels can be told apart: in 120 pictures that the model has not learned from, the best patch under a "
        "picture's own label beats that under a wrong one 90 % of the time (95 % interval 85 to 94 %; chance 50 %).",
        "Most typical of 'boat', cluster 0; of 'cat', cluster 0.",
        "At least 66 % of their patches are more than chance, with 95 % probability for all clusters of a label at "
        "once; of 4 clusters, 2 are typical and 2 cannot be told.",
    )
    assert of().next_steps == ()


@pytest.mark.parametrize(
    ("figure", "begins"),
    [
        (auc(0.9, 0.51, 0.99), "The labels can be told apart:"),
        (auc(0.69, 0.6, 0.75), "The labels can be told apart a little:"),
        (auc(0.9, 0.5, 0.99), "Nothing shows that the labels can be told apart:"),
        (auc(0.3, 0.2, 0.4), "Nothing shows that the labels can be told apart:"),
        (None, "Whether the labels can be told apart was not measured."),
    ],
)
def test_labels_are_told_apart_where_the_interval_excludes_chance(figure: dict[str, Any] | None, begins: str) -> None:
    def change(run: MemoryRun) -> None:
        run.metrics = {"label_auc": figure} if figure else {}

    assert of(change).apart.startswith(begins)


def test_the_best_cluster_is_a_typical_one_that_nothing_is_warned_of() -> None:
    def change(run: MemoryRun) -> None:
        bounds(run, {("boat", 1): 0.2, ("cat", 0): 0.0})
        run.flags = [Flag("boat", 0, "hangs on one place", ""), Flag("boat", 1, "same pixels", "", "note")]
        run.descriptions = [Description("boat", 1, (Word("red sail", 1.0),), "eye")]

    told = of(change)
    assert told.typical == (
        "Most typical of 'boat', cluster 1 (maybe red sail); nothing sure of 'cat' (\"maybe\" is what eye suggests)."
    )
    assert told.sure.startswith("At least 20 % of its patches")
    assert told.sure.endswith("1 is typical, 2 cannot be told and 1 is warned of: look at it first.")


def test_where_nothing_is_typical_that_is_said() -> None:
    told = of(lambda run: bounds(run, {("boat", 0): 0.0, ("cat", 0): 0.0}))
    assert told.typical == "No cluster is surely typical of its label, so what they show may be chance."
    assert told.sure == "Held against patches selected under wrong labels, none of the 4 clusters stands out."


def learned_by_heart(run: MemoryRun) -> None:
    run.records = {key: replace(one, split="train") for key, one in run.records.items()}
    for name in ("p_value", "q_value"):
        at = run.patches.schema.get_field_index(name)
        run.patches = run.patches.set_column(at, name, pa.nulls(len(run.patches), pa.float32()))
    bounds(run, {(label, cluster): None for label in LABELS for cluster in range(2)})
    run.metrics = {}


def too_small_a_null(run: MemoryRun) -> None:
    bounds(run, {("cat", 0): 0.0})
    rows = [{**row, "smallest_q": 1 / 16} for row in run.evidence.to_pylist()]
    run.evidence = pa.Table.from_pylist(rows, schema=run.evidence.schema)


def wide_interval(run: MemoryRun) -> None:
    run.metrics = {"label_auc": auc(0.6, 0.48, 0.7)}


def few_pictures(run: MemoryRun) -> None:
    bounds(run, {("cat", 0): 0.0})
    gone = {f"cat{number}" for number in range(30)}
    run.records = {key: one for key, one in run.records.items() if key not in gone}


def few_steps(run: MemoryRun) -> None:
    run.metrics = {"label_auc": auc(0.65, 0.6, 0.7)}
    run.training_log = pa.table({"step": [1, 500]})


def still_learning(run: MemoryRun) -> None:
    steps = np.arange(100, 1100, 100)
    losses = {"validation_loss": 1 - steps / 5000, "validation_null_loss": np.ones(10)}
    run.training_log = pa.table({"step": steps, **losses})


def another_size(run: MemoryRun) -> None:
    run.metrics = {**run.metrics, "fitting_size": {**auc(24, 20, 28), "chance": None}}


def same_size(run: MemoryRun) -> None:
    another_size(run)
    run.metrics["fitting_size"]["low"] = 16.0


def nothing_of_one(run: MemoryRun) -> None:
    bounds(run, {("cat", 0): 0.0})


def nothing_at_all(run: MemoryRun) -> None:
    run.metrics = {"label_auc": auc(0.5, 0.45, 0.55)}


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        (learned_by_heart, ["Keep pictures from the model"]),
        (too_small_a_null, ["Take more pictures, or raise scorer.null_labels: 'cat' was"]),
        (wide_interval, ["Take more pictures: in 120, the interval reaches up to 70 %"]),
        (few_pictures, ["Take more pictures of 'cat': under 40", "Run `diffmine tune`"]),
        (few_steps, ["Finetune for more steps (finetune.steps): 500 went 133 times"]),
        (still_learning, ["Finetune for more steps than 1,000"]),
        (another_size, ["Try patches of 24 px (patches.size)"]),
        (same_size, []),
        (nothing_of_one, ["Run `diffmine tune`"]),
        (nothing_at_all, ["Look at the labels"]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_each_advice_is_given_where_what_was_measured_calls_for_it(change: Change, begins: list[str]) -> None:
    steps = of(change).next_steps
    assert len(steps) == len(begins), steps
    for step, wanted in zip(steps, begins, strict=True):
        assert step.startswith(wanted)


def test_a_run_that_learned_its_pictures_by_heart_says_that_nothing_can_be_said() -> None:
    told = of(learned_by_heart)
    assert told.apart.startswith("Whether the labels can be told apart was not measured: no picture was kept")
    assert told.typical.endswith("whether they are typical cannot be told.")
    assert told.sure.startswith("How sure that is cannot be said: patches have no p-values")


@pytest.mark.parametrize(
    ("at_least", "marks", "kind", "words"),
    [
        (0.8998, [], "typical", ("typical, at least 89 %",)),
        (0.29, [], "typical", ("typical, at least 29 %",)),
        (0.0, [], "cannot tell", ("cannot tell",)),
        (None, [], "cannot tell", ("cannot tell",)),
        (0.9, ["hangs on one place", "from few images"], "look", ("hangs on one place: look", "from few images: look")),
    ],
)
def test_a_verdict_never_rounds_up_and_a_warning_comes_first(
    at_least: float | None, marks: list[str], kind: str, words: tuple[str, ...]
) -> None:
    found = verdict_of(at_least, marks)
    assert (found.kind, found.words) == (kind, words)
