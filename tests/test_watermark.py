"""A tag in one label's pictures, from the pictures to the warning: the shortcut of labelled data, found and flagged."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rich.console import Console

import diffmine
from diffmine.builtin.figures.grid import row_name
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.contents import Cluster
from diffmine.runs.run import Run
from diffmine.terminal.show import show

SIDE, CORNER = 64, (44, 50)
RECIPE = """
name = "tagged"
seed = 1
[dataset]
use = "folder"
path = "pictures"
[model]
use = "patch-unet"
[conditioning]
use = "label-embedding"
[finetune]
use = "full"
steps = 150
batch_size = 16
learning_rate = 2e-3
schedule = "cosine"
warmup_steps = 20
null_probability = 0.15
validate_every = 0
[scorer]
use = "diffusion"
draws = 8
timesteps = "stratified"
batch_size = 64
[patches]
size = 16
per_image = 2
[features]
use = "dift"
ensemble = 1
[clusterer]
use = "kmeans"
n_clusters = 4
[report]
use = ["terminal", "html"]
"""
MARK = "hangs on one place"


def write_pictures(folder: Path, label: str, tag: bool, count: int = 40) -> None:
    """Smooth scenes of any colour; those of a label carry white letters in a corner."""
    generator = numpy_generator("tagged pictures", label)
    (folder / label).mkdir(parents=True)
    for number in range(count):
        coarse = generator.integers(20, 200, (4, 4, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        if tag:
            ImageDraw.Draw(picture).text(CORNER, "TAG", fill="white")
        picture.save(folder / label / f"{number}.png")


@pytest.mark.slow
def test_a_tag_is_mined_and_flagged(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", "clean", tag=False)
    write_pictures(tmp_path / "pictures", "tagged", tag=True)
    (tmp_path / "tagged.toml").write_text(RECIPE)
    run = diffmine.run(tmp_path / "tagged.toml", out=tmp_path / "run", store=tmp_path / "store")
    best = [
        row for row in run.patches.to_pylist() if (row["label"], row["selection"], row["rank"]) == ("tagged", "top", 0)
    ]
    assert best[0]["y1"] > CORNER[1]
    assert best[0]["x1"] > CORNER[0]
    flags = [flag for flag in run.flags if flag.mark == MARK]
    assert flags
    assert {flag.label for flag in flags} == {"tagged"}, "and nothing else is"
    assert {flag.sentence for flag in flags} == {text for text in run.info["warnings"] if "possible shortcut" in text}
    shown = {flag.cluster for flag in flags}
    boxes = [row for row in run.patches.to_pylist() if (row["label"], row["cluster"]) in {("tagged", c) for c in shown}]
    assert np.mean([row["y1"] > CORNER[1] and row["x1"] > CORNER[0] for row in boxes]) > 0.9, "they show the tag"
    assert marked_in_figure(run) == marked_on_terminal(run) == marked_in_explorer(run) == shown


def marked_in_figure(run: Run) -> set[int]:
    """The clusters of the tagged label whose rows of the grid say so."""
    clean, tagged = ([row_name(one) for one in run.contents.best_clusters(label)] for label in ("clean", "tagged"))
    assert not any(MARK in " ".join(name.split()) for name in clean)
    names = tagged
    return {one.cluster for one, name in zip(best_clusters(run), names, strict=True) if MARK in " ".join(name.split())}


def marked_on_terminal(run: Run) -> set[int]:
    """Those that ``diffmine show --label`` marks, each by a line below its own."""
    found, last = set(), -1
    for line in printed(run, "tagged", None).splitlines():
        first = (line.split() or [""])[0]
        last = int(first) if first.isdigit() else last
        found |= {last} if MARK in line else set()
    assert MARK not in printed(run, "clean", None)
    assert {one.cluster for one in best_clusters(run) if MARK in printed(run, "tagged", str(one.cluster))} == found
    return found


def marked_in_explorer(run: Run) -> set[int]:
    """Those that the page has a mark for; tests of the page look at what it makes of them."""
    html = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])
    marked = [group for group in data["groups"] if MARK in [flag["mark"] for flag in group.get("flags", [])]]
    assert {data["labels"][group["label"]]["name"] for group in marked} == {"tagged"}
    return {int(group["name"]) for group in marked}


def best_clusters(run: Run) -> list[Cluster]:
    return run.contents.best_clusters("tagged")


def printed(run: Run, label: str, group: str | None) -> str:
    file = io.StringIO()
    show(run, Console(file=file, width=100), label, group, 20)
    return file.getvalue()
