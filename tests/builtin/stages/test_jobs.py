"""What travels to workers."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

import diffmine
from diffmine.builtin.stages.typicality import SHARD_SIZE, ScoringJob, by_fold
from diffmine.runs.records import Records
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.types import ImageRecord


def pickled(pictures: int) -> int:
    """Bytes of a job that scores so many pictures, beside what it is told of the run."""
    record = ImageRecord("x", "a/b.png", ("a",), 8, 8, "x" * 64, "heldout")
    records = Records.of([record] * pictures)
    rows, sizes = by_fold(records, np.arange(pictures))
    return len(pickle.dumps(ScoringJob(None, Path(), rows, sizes)))  # type: ignore[arg-type]


def test_a_job_takes_a_number_for_each_picture() -> None:
    assert pickled(100 * SHARD_SIZE) - pickled(SHARD_SIZE) <= 9 * 99 * SHARD_SIZE


def test_workers_that_read_their_own_rows_find_what_the_driver_finds(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path, extra='[executor]\nuse = "local"\nworkers = 2\n')
    cheap = ["finetune.steps=1", "finetune.warmup_steps=0", "finetune.validate_every=0", "scorer.draws=2"]
    folds = ["dataset.folds=2", "dataset.holdout=0.1"]
    digests = [
        diffmine.run(
            recipe, out=tmp_path / name, store=tmp_path / f"{name} store", overrides=[*cheap, *folds, executor],
            until="typicality",
        ).info["stages"]["typicality"]["digest"]
        for name, executor in (("several", "executor.workers=2"), ("alone", "executor.workers=1"))
    ]  # fmt: skip
    assert digests[0] == digests[1]
