"""What ``diffmine show`` prints: snapshots of a run made by hand, and safety with hostile names."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from diffmine.errors import RecipeError
from diffmine.runs.run import Run
from diffmine.runs.tables import EVIDENCE, images_table
from diffmine.terminal.show import show
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.toy_runs import write_toy_run
from diffmine.types import Box, Flag, ImageRecord, Patch

VILLAGE = "a village with quite a long name, in the hills"
COLOURS = {"coast": (200, 40, 30), VILLAGE: (20, 90, 210)}
UPPER_HALF = "▀"


def hand_made_run() -> MemoryRun:
    """Two labels of four pictures; six patches of two clusters, an outlier and a control each."""
    records, patches, clusters, rows = [], [], [], []
    for number, label in enumerate(COLOURS):
        ids = [f"{label[:5]}{picture}" for picture in range(4)]
        records += [ImageRecord(one, f"{label}/{one}.jpg", (label,), 32, 32, one * 8, "train") for one in ids]
        for rank in range(7):
            box = Box(rank, 2 * rank, rank + 8, 2 * rank + 8)
            patches.append(Patch(ids[rank % 4], label, box, (0.09 - 0.01 * rank) / (1 + number), 0.002, "top", rank))
            clusters.append(-1 if rank == 6 else rank // 3)
        patches.append(Patch(ids[0], label, Box(16, 16, 24, 24), -0.01, 0.002, "random", 0))
        clusters.append(None)
        for cluster in range(2):
            median = (0.08 - 0.03 * cluster) / (1 + number)
            bounds = {"median_low": median - 0.01, "median_high": median + 0.01}
            facts = {"size": 3, "images": 3 - 2 * cluster * number, "median_typicality": median, **bounds}
            means = {"mean_typicality": median, "mean_low": median - 0.01, "mean_high": median + 0.01}
            rows.append({"label": label, "cluster": cluster, "rank": cluster, **facts, **means})
    pictures = {one.image_id: np.full((32, 32, 3), COLOURS[one.labels[0]], np.uint8) for one in records}
    run = MemoryRun(
        records,
        pictures=pictures,
        patches=patches,
        cluster=np.array(clusters, dtype=object),
        clusters=rows,
        training_log=pa.table({"step": list(range(64)), "loss": [1 / (1 + step / 8) for step in range(64)]}),
    )
    stages = {name: {"key": "none", "seconds": 4.0} for name in ("images", "clusters", "metrics")}
    warning = "clusters are mixed: 88% of members show what most of their cluster shows; try other features"
    run.info = {**run.info, "complete": True, "stages": stages, "warnings": [warning]}
    figure = {"value": 0.52, "low": 0.48, "high": 0.55, "chance": 0.13, "count": 60, "per_label": {}}
    run.metrics = {"pixel_average_precision": figure, "dbcv": {**figure, "low": None, "high": None, "chance": None}}
    return run


def with_q_values(run: MemoryRun) -> MemoryRun:
    """The run with q-values of its first label, the coast, whose five best patches stand above chance."""
    rows = zip(run.patches["label"].to_pylist(), run.patches["selection"].to_pylist(), strict=True)
    known = [label == "coast" and selection == "top" for label, selection in rows]
    values = [(0.001 if place < 5 else 0.051) if one else None for place, one in enumerate(known)]
    for name in ("p_value", "q_value"):
        at = run.patches.schema.get_field_index(name)
        run.patches = run.patches.set_column(at, name, pa.array(values, pa.float32()))
    return run


def with_bounds(run: MemoryRun) -> MemoryRun:
    """The same, with a bound for each cluster of the coast: 2 of 3 members, and none."""
    run = with_q_values(run)
    rows = run.clusters.to_pylist()
    bounds = [(2 / 3 if row["cluster"] == 0 else 0.0) if row["label"] == "coast" else None for row in rows]
    at = run.clusters.schema.get_field_index("at_least")
    run.clusters = run.clusters.set_column(at, "at_least", pa.array(bounds, pa.float32()))
    return run


def with_a_small_null(run: MemoryRun) -> MemoryRun:
    """The same, where no q-value of the coast can be below 1/16."""
    run = with_q_values(run)
    row = {"table": "selected", "label": "coast", "images": 5, "tests": 15, "nulls": 15, "smallest_q": 1 / 16}
    run.evidence = pa.Table.from_pylist([row], schema=EVIDENCE)
    return run


def with_flags(run: MemoryRun) -> MemoryRun:
    """The run with the best cluster of its first label, the coast, flagged twice."""
    sentence = "label 'coast', cluster 0: possible shortcut (near-identical crops, at the border); look at its crops"
    few = "label 'coast', cluster 0: its 3 patches come from 1 image; lower patches.per_image for more variety"
    run.flags = [Flag("coast", 0, "from few images", few), Flag("coast", 0, "hangs on one place", sentence)]
    return run


def printed(run: Run, width: int, *, colours: bool = False, label: str | None = None, group: str | None = None) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=colours,
        color_system="truecolor" if colours else None,
        no_color=not colours,
        highlight=False,
    )
    show(run, console, label, group, 20)
    return file.getvalue()


VIEWS = {
    "overview": (None, None),
    "overview-q-values": (None, None),
    "label": ("coast", None),
    "label-q-values": ("coast", None),
    "label-one-picture": (VILLAGE, None),
    "cluster": ("coast", "0"),
    "cluster-q-values": ("coast", "0"),
    "random": ("coast", "random"),
    "overview-bounds": (None, None),
    "label-bounds": ("coast", None),
    "cluster-bounds": ("coast", "0"),
    "overview-small-null": (None, None),
    "label-small-null": ("coast", None),
    "overview-flagged": (None, None),
    "label-flagged": ("coast", None),
    "cluster-flagged": ("coast", "0"),
}


def viewed(view: str, width: int, *, colours: bool = False) -> str:
    label, group = VIEWS[view]
    changes = {
        "q-values": with_q_values,
        "bounds": with_bounds,
        "small-null": with_a_small_null,
        "flagged": with_flags,
    }
    run = next((change for name, change in changes.items() if name in view), lambda run: run)(hand_made_run())
    return printed(run, width, colours=colours, label=label, group=group)


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("view", VIEWS)
def test_it_looks_as_it_did(view: str, width: int, as_it_did: Callable[[str, str], None]) -> None:
    as_it_did(f"{view}-{width}", viewed(view, width))


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("colours", [False, True])
def test_no_line_is_wider_than_the_terminal(view: str, width: int, colours: bool) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    text = Text.from_ansi(viewed(view, width, colours=colours)).plain
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width


@pytest.mark.parametrize("colours", [False, True])
def test_a_cluster_of_one_picture_is_marked_with_and_without_crops(colours: bool) -> None:
    texts = {label: printed(hand_made_run(), 80, colours=colours, label=label) for label in COLOURS}
    assert {label: text.count("only 1") for label, text in texts.items()} == {"coast": 0, VILLAGE: 1}


@pytest.mark.parametrize("colours", [False, True])
def test_a_flagged_cluster_is_marked_and_no_other(colours: bool) -> None:
    run = with_flags(hand_made_run())
    before, _, after = printed(run, 80, colours=colours, label="coast").rpartition("hangs on one place: look")
    assert "+0.0800" in before + after.partition("+0.0500")[0], "the mark stands at cluster 0"
    assert "+0.0500" not in before
    for group, count in (("0", 2), ("1", 0), ("outliers", 0)):
        text = printed(run, 120, colours=colours, label="coast", group=group)
        assert text.count("hangs on one place") == count, "once in the verdict, once as the mark"
    assert "hangs on one place" not in printed(run, 80, colours=colours, label=VILLAGE)
    assert printed(run, 80, colours=colours).count("hangs on one place") == 1


@pytest.mark.parametrize("colours", [False, True])
def test_patches_above_chance_are_counted_where_that_is_known(colours: bool) -> None:
    run = with_q_values(hand_made_run())
    assert "7 patches · 5 above chance · 2 clusters" in printed(run, 80, label="coast")
    assert "5 of 7" in printed(run, 80, colours=colours)
    assert "above chance" not in printed(run, 80, colours=colours, label=VILLAGE)
    assert "no p-values" not in printed(run, 80, colours=colours)
    assert "above chance" not in printed(hand_made_run(), 80, colours=colours)


@pytest.mark.parametrize("colours", [False, True])
def test_where_a_null_is_too_small_nobody_is_said_to_be_at_chance(colours: bool) -> None:
    run = with_a_small_null(hand_made_run())
    for label in (None, "coast"):
        text = printed(run, 80, colours=colours, label=label)
        assert [text.count(one) for one in ("cannot tell,", "at best", "q = 0.0625")] in ([1] * 3, [3] * 3)
        assert "5 above" not in text
        assert "5 of 7" not in text


@pytest.mark.parametrize("colours", [False, True])
def test_bounds_of_clusters_are_shown_and_never_rounded_up(colours: bool) -> None:
    run = with_bounds(hand_made_run())
    text = printed(run, 80, colours=colours, label="coast")
    assert text.count("typical, at least 66 %") == text.count("cannot tell") == 1
    assert printed(run, 80, colours=colours).count("typical, at least 66 %") == 1
    assert "typical, at least 66 %" in printed(run, 120, colours=colours, label="coast", group="0")
    untested = printed(run, 80, colours=colours, label=VILLAGE).replace("median typicality", "")
    assert "typical" not in untested
    assert untested.count("cannot tell") == 2


@pytest.mark.parametrize("colours", [False, True])
def test_where_bounds_tell_what_q_values_do_not_they_are_counted(colours: bool) -> None:
    run = with_bounds(hand_made_run())
    at = run.patches.schema.get_field_index("q_value")
    values = [None if one is None else 0.06 for one in run.patches["q_value"].to_pylist()]
    run.patches = run.patches.set_column(at, "q_value", pa.array(values, pa.float32()))
    assert "≥ 2 of 7" in printed(run, 80, colours=colours)
    text = printed(run, 80, colours=colours, label="coast")
    assert "7 patches · at least 2 above chance" in text
    assert text.count("0 of 3") + text.count("0 above") == text.count("≥ 0 of 3") + text.count("at least 0 above") == 1
    assert text.count("typical, at least 66 %") == 1


def test_pictures_that_the_model_has_learned_from_are_said_to_have_no_p_values() -> None:
    run = hand_made_run()
    assert " ".join(printed(run, 80).split()).count("patches have no p-values, as the model has learned from") == 1
    run.images = images_table(replace(record, fold=0) for record in run.records.values())
    del run.records, run.all_records, run.in_sample, run.answer
    assert "no p-values" not in " ".join(printed(run, 80).split())


def test_crops_are_shown_in_their_colours_and_only_where_there_are_colours() -> None:
    run = hand_made_run()
    coloured = printed(run, 80, colours=True, label="coast", group="0")
    assert f"\x1b[38;2;200;40;30;48;2;200;40;30m{UPPER_HALF}" in coloured
    assert UPPER_HALF not in printed(run, 80, label="coast", group="0")


def test_without_its_pictures_a_run_is_shown_all_the_same(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, labels=("a",), clusters=1, members=6)
    for path in (tmp_path / "data").rglob("*.jpg"):
        path.unlink()
    text = printed(run, 80, colours=True, label="a")
    assert "crops are not shown" in text
    assert UPPER_HALF not in text


def test_hostile_names_reach_the_terminal_as_harmless_text(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=1, members=6, hostile=True)
    run.info["warnings"].append("a \x1b]0;title\x07 \u202e turned [bold]around[/bold]")
    run.flags = [Flag(label, 0, "\x1b]0;t\x07 \u202e mark", "\x1b[1m said \u202e") for label in run.labels]
    texts = [printed(run, 100)]
    texts += [printed(run, 100, label=label) for label in run.labels]
    texts += [printed(run, 100, label=label, group="0") for label in run.labels]
    for text in texts:
        controls = {one for one in text if unicodedata.category(one) == "Cc"} - {"\n"}
        assert not controls
        assert "\u202e" not in text
    assert "[bold]around[/bold]" in " ".join(texts[0].split())
    assert "<img src=x onerror=alert(1)>" in texts[0]


@pytest.mark.parametrize(
    ("label", "group", "said"),
    [
        ("coats", None, "did you mean 'coast'"),
        ("coast", "7", "it has: 0, 1, outliers, random"),
        ("coast", "outlier", "did you mean 'outliers'"),
        (None, "0", "name it with --label"),
    ],
)
def test_a_mistake_says_what_there_is(label: str | None, group: str | None, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        printed(hand_made_run(), 80, label=label, group=group)
    assert said in str(caught.value)


def test_suggested_words_stand_below_their_cluster_with_who_says_so(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=2, members=8, words=[("north", 0, ["red wheel", "spoke"], "toy")])
    assert printed(run, 100).count("red wheel? (toy)") == 1
    assert printed(run, 100, label="north").count("red wheel? (toy)") == 1
    assert "red wheel, spoke (toy)" in printed(run, 100, label="north", group="0")
    assert "(toy)" not in printed(run, 100, label="north", group="1")
