"""Stage ``typicality``: one mean map and its standard error for each image and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open

from diffmine.engine.shards import commit_shard, cut, process, shard_path
from diffmine.engine.work import Inputs, Stage, Work
from diffmine.interfaces import Job, ProcessShard, Progress
from diffmine.types import ImageRecord

SHARD_SIZE = 32


@dataclass(frozen=True)
class ScoringJob(Job):
    """Score the images of a shard under the labels that the scorer wants for each."""

    inputs: Inputs
    folder: Path
    shards: Sequence[Sequence[ImageRecord]]
    unit = "images"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Images in each shard."""
        return [len(shard) for shard in self.shards]

    def contents(self, shard: int) -> str:
        first, last = self.shards[shard][0], self.shards[shard][-1]
        return f"{len(self.shards[shard])} images, {first.path} to {last.path}"

    def open(self, device: str) -> ProcessShard:
        """Load the scorer with its model."""
        tools = self.inputs.tools(device)
        scorer = self.inputs.recipe.components.scorer
        scoring, picture = scorer.open(tools), self.inputs.opener()

        def score(number: int, progress: Progress) -> None:
            records = self.shards[number]
            labels = [scorer.labels_to_score(record, tools.labels, tools.seed) for record in records]
            tensors = {"stride": np.array(scoring.stride, dtype=np.int32)}
            for maps in scoring.score([picture(record) for record in records], labels, progress):
                for one in maps:
                    tensors[f"{one.image_id}/{one.label}/mean"] = one.mean.astype(np.float32)
                    tensors[f"{one.image_id}/{one.label}/stderr"] = one.stderr.astype(np.float16)
                    tensors["draws"] = np.array(one.draws, dtype=np.int32)
            commit_shard(self.folder, number, tensors)

        return score


def run(work: Work) -> None:
    """Write the shards, ``index.parquet`` (which shard holds which map) and ``grid.json``."""
    shards = cut(work.inputs.records(), SHARD_SIZE)
    process(work, ScoringJob(work.inputs, work.folder, shards))
    labels = sorted({label for shard in shards for record in shard for label in record.labels})
    rows = [
        {"image_id": record.image_id, "label": label, "shard": number}
        for number, shard in enumerate(shards)
        for record in shard
        for label in work.components.scorer.labels_to_score(record, labels, work.seed)
    ]
    schema = pa.schema([("image_id", pa.string()), ("label", pa.string()), ("shard", pa.int32())])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), work.folder / "index.parquet")
    with safe_open(shard_path(work.folder, 0), "np") as tensors:
        grid = {name: int(tensors.get_tensor(name).item()) for name in ("stride", "draws")}
    work.write_json(work.folder / "grid.json", grid)


STAGE = Stage("typicality", 1, ("scorer", "model", "conditioning"), ("images", "finetune"), run)
