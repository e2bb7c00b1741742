"""With an order, no neighbour is a null: in maps, in what patches are held against, and in contrast."""

from __future__ import annotations

from pathlib import Path

import pytest

import diffmine
from diffmine.errors import DiffmineError
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import TINY_RECIPE
from diffmine.testing.toy_pictures import write_toy_folder

YEARS = ("8", "9", "10", "11")


def mined(folder: Path, dataset: str, extra: str = "", labels: tuple[str, ...] = YEARS) -> Run:
    write_toy_folder(folder / "pictures", labels, per_label=6)
    text = TINY_RECIPE.replace("holdout = 0.25", f"holdout = 0.34\n{dataset}").replace("steps = 6", "steps = 2")
    text = text.replace("draws = 4", f"draws = 4\n{extra}") + "[life]\n"
    (folder / "years.toml").write_text(text, encoding="utf-8")
    return diffmine.run(folder / "years.toml", out=folder / "run", store=folder / "store", device="cpu")


def nulls(run: Run) -> dict[str, set[str]]:
    """Own label -> the labels that its pictures are a null for."""
    found: dict[str, set[str]] = {}
    for record in run.records.values():
        roles = run.maps.roles(record.image_id) if record.scored else {}
        found.setdefault(record.labels[0], set()).update(label for label, role in roles.items() if role == "null")
    return found


FAR = {"8": {"10", "11"}, "9": {"11"}, "10": {"8"}, "11": {"8", "9"}}


def test_neighbours_are_no_null(tmp_path: Path) -> None:
    run = mined(tmp_path, 'order = "numeric"', "null_labels = 4")
    assert run.axis is not None
    assert run.axis.labels == YEARS
    assert nulls(run) == FAR
    finetuned = run.info["stages"]["finetune"]
    assert run.life is not None
    assert run.life.labels == YEARS
    assert any('features.condition = "null"' in text for text in run.info["warnings"])  # dift's know the label
    wider = mined(tmp_path, 'order = "numeric"\nneighbours = 2', "null_labels = 4")
    assert nulls(wider) == {"8": {"11"}, "9": set(), "10": set(), "11": {"8"}}
    assert any("neighbour of 10, 9" in text for text in wider.info["warnings"])
    again = wider.info["stages"]["finetune"]
    assert (again["key"], again["reused"]) == (finetuned["key"], True)  # nothing is learned again
    assert any(value is not None for value in wider.heldout_patches["p_value"].to_pylist())


def test_contrast_compares_with_no_neighbour(tmp_path: Path) -> None:
    run = mined(tmp_path, f"order = {list(YEARS)}".replace("'", '"'), 'use = "contrast"')
    assert nulls(run) == FAR
    assert run.tools().related == {"8": ("9",), "9": ("8", "10"), "10": ("9", "11"), "11": ("10",)}


def test_a_label_without_a_place_stops_the_run_before_anything_is_learned(tmp_path: Path) -> None:
    with pytest.raises(DiffmineError, match="the label 'new' is not a number"):
        mined(tmp_path, 'order = "numeric"', labels=("8", "new"))
    assert not (tmp_path / "store" / "finetune").exists()
