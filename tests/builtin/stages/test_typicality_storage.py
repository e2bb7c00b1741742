"""What a map costs on disk."""

from __future__ import annotations

from pathlib import Path

import diffmine
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_pictures import write_toy_folder

BYTES_PER_MAP = 36 * 1024
GRID = 64
"""Cells along a side: a picture of 512 px in the latents of Stable Diffusion, or of 256 px in those of patch-unet."""


def test_what_is_kept_of_a_picture_of_512_px_takes_at_most_36_kb_a_label(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path)
    write_toy_folder(tmp_path / "large", per_label=4, size=256)
    few = ["dataset.path=" + str(tmp_path / "large"), "dataset.masks=" + str(tmp_path / "large-masks")]
    cheap = ["finetune.steps=1", "finetune.batch_size=1", "finetune.warmup_steps=0", "finetune.validate_every=0"]
    run = diffmine.run(
        recipe,
        out=tmp_path / "run",
        store=tmp_path / "store",
        overrides=[*few, *cheap, "scorer.draws=2", "scorer.batch_size=1"],
        until="typicality",
    )
    maps = [(image_id, label) for image_id in run.records for label in run.scored_labels(image_id)]
    mean, stderr = run.typicality(*maps[0])
    influence, its_stderr = run.influence(*maps[0])
    assert mean.shape == stderr.shape == influence.shape == its_stderr.shape == (GRID, GRID)
    stored = sum(path.stat().st_size for path in run.artifact("typicality").rglob("*") if path.is_file())
    assert stored / len(maps) <= BYTES_PER_MAP, stored / len(maps)
