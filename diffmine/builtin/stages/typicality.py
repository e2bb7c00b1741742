"""Stage ``typicality``: for each image and label a map of typicality and one of influence, with standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import safe_open

from diffmine.builtin.stages.fitting import fitted, model_reads, model_tables
from diffmine.files.shards import commit_shard, cut, shard_path
from diffmine.interfaces import Inputs, Job, ModelTools, ProcessShard, Progress, Scoring, Stage, Work
from diffmine.runs.typicality_maps import IN_HALF_PRECISION
from diffmine.types import FloatArray, ImageRecord, TypicalityMap

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

SHARD_SIZE = 32
HALF_PRECISION_LIMIT = 65_504.0
"""The largest float16."""
INDEX = pa.schema([("image_id", pa.string()), ("label", pa.string()), ("shard", pa.int32()), ("role", pa.string())])


@dataclass(frozen=True)
class ScoringJob(Job):
    """Score the images of a shard under the labels that the scorer wants for each."""

    inputs: Inputs
    folder: Path
    shards: Sequence[Sequence[ImageRecord]]
    fitted: Mapping[int | None, Path | None] = field(default_factory=dict)
    unit = "images"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Images in each shard."""
        return [len(shard) for shard in self.shards]

    def contents(self, shard: int) -> str:
        first, last = self.shards[shard][0], self.shards[shard][-1]
        return f"{len(self.shards[shard])} images, {first.path} to {last.path}"

    def open(self, device: str) -> ProcessShard:
        """Load the scorer with the model of a fold when its first shard comes; one at a time is kept."""
        scorer, picture = self.inputs.components.scorer, self.inputs.opener()

        held: dict[int | None, tuple[ModelTools, Scoring]] = {}

        def opened(fold: int | None) -> tuple[ModelTools, Scoring]:
            if fold not in held:
                held.clear()  # before the next one is loaded
                tools = self.inputs.tools(device, self.fitted.get(fold), fold)
                held[fold] = tools, scorer.open(tools)
            return held[fold]

        def score(number: int, progress: Progress) -> None:
            records = self.shards[number]
            tools, scoring = opened(records[0].fold)
            labels = [scorer.labels_to_score(record, tools.labels, tools.seed) for record in records]
            tensors: dict[str, NDArray[Any]] = {"stride": np.array(scoring.stride, dtype=np.int32)}
            for maps in scoring.score([picture(record) for record in records], labels, progress):
                for one in maps:
                    tensors |= tensors_of(one)
            commit_shard(self.folder, number, tensors)

        return score


def tensors_of(one: TypicalityMap) -> dict[str, NDArray[Any]]:
    """What a shard holds of a map."""
    tensors: dict[str, NDArray[Any]] = {f"{one.image_id}/{one.label}/mean": one.mean.astype(np.float32)}
    for name in IN_HALF_PRECISION:
        values: FloatArray | None = getattr(one, name)
        if values is not None:
            tensors[f"{one.image_id}/{one.label}/{name}"] = compact(values)
    if one.draws is not None:
        tensors["draws"] = np.array(one.draws, dtype=np.int32)
    return tensors


def compact(values: FloatArray) -> NDArray[Any]:
    """The values as float16, or as they are where that does not hold them."""
    return values.astype(np.float16 if np.abs(values).max(initial=0) < HALF_PRECISION_LIMIT else np.float32)


def cut_by_fold(records: Sequence[ImageRecord], size: int) -> list[Sequence[ImageRecord]]:
    """Shards of images that one model scores, those of one fold after those of another."""
    folds = sorted({record.fold for record in records}, key=lambda fold: -1 if fold is None else fold)
    return [shard for fold in folds for shard in cut([one for one in records if one.fold == fold], size)]


class Typicality(Stage):
    """A map of typicality and one of influence, with standard errors, for each image and label."""

    name = "typicality"
    version = 3
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("scorer", *model_tables(components.scorer))

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", *model_reads(components.scorer))

    def run(self, work: Work) -> None:
        """Write the shards, ``index.parquet`` (which shard holds which map) and ``grid.json``."""
        records, scorer = work.records(), work.components.scorer
        shards = cut_by_fold([record for record in records if record.scored], SHARD_SIZE)
        folds = dict.fromkeys(shard[0].fold for shard in shards)
        fits = {fold: fitted(work, scorer, fold) for fold in folds}
        work.process(ScoringJob(work.inputs, work.folder, shards, fits))
        labels = sorted({label for record in records for label in record.labels})
        rows = [
            {"image_id": record.image_id, "label": label, "shard": number, "role": scorer.role(record, label)}
            for number, shard in enumerate(shards)
            for record in shard
            for label in scorer.labels_to_score(record, labels, work.seed)
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=INDEX), work.folder / "index.parquet")
        with safe_open(shard_path(work.folder, 0), "np") as tensors:
            present = [name for name in ("stride", "draws") if name in set(tensors.keys())]
            grid = {name: int(tensors.get_tensor(name).item()) for name in present}
        work.write_json(work.folder / "grid.json", grid)
