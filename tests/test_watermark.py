"""A tag in one label's pictures, from the pictures to the warning: the shortcut of labelled data, found and flagged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import diffmine
from diffmine.seeding import numpy_generator

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
use = "terminal"
"""


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
    flagged = [text for text in run.info["warnings"] if "possible shortcut" in text]
    assert flagged
    assert all(text.startswith("label 'tagged', cluster ") for text in flagged), "and nothing else is"
