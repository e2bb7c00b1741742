"""Stage ``features``: a vector for each selected patch, one pass for all patches of an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from diffmine.builtin.stages.fitting import fitted, further_tables, model_reads
from diffmine.files.shards import commit_shard, cut, shard_path
from diffmine.interfaces import Inputs, Job, PatchRequest, ProcessShard, Progress, Stage, Work
from diffmine.runs.records import Records, RecordsById
from diffmine.runs.tables import patches_of
from diffmine.types import Box, FloatArray, Patch

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

SHARD_SIZE = 32
Rows = tuple[int, ...]


class Group(NamedTuple):
    """The patches of one image under one label.

    Attributes:
        image: its number among the run's pictures.
        label: the label.
        boxes: of the patches.
        rows: theirs in the table of all patches.
    """

    image: int
    label: str
    boxes: tuple[Box, ...]
    rows: Rows


@dataclass(frozen=True)
class ExtractionJob(Job):
    """Extract the features of the patches of a shard's images."""

    inputs: Inputs
    folder: Path
    shards: Sequence[Sequence[Group]]
    fitted: Path | None = None
    unit = "images"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Images (under one label each) in each shard."""
        return [len(shard) for shard in self.shards]

    def contents(self, shard: int) -> str:
        first, last = self.inputs.records([self.shards[shard][0].image, self.shards[shard][-1].image])
        return f"the patches of {len(self.shards[shard])} images, {first.path} to {last.path}"

    def open(self, device: str) -> ProcessShard:
        """Load the extractor with its model."""
        extraction = self.inputs.components.features.open(self.inputs.tools(device, self.fitted))
        picture = self.inputs.opener()

        def extract(number: int, progress: Progress) -> None:
            groups = self.shards[number]
            records = self.inputs.records([group.image for group in groups])
            requests = [
                PatchRequest(picture(record), group.label, group.boxes)
                for record, group in zip(records, groups, strict=True)
            ]
            features = np.concatenate(extraction.extract(requests))
            rows = np.array([row for group in groups for row in group.rows], dtype=np.int64)
            commit_shard(self.folder, number, {"rows": rows, "features": features.astype(np.float32)})
            progress.advance(len(groups))

        return extract


class Features(Stage):
    """A vector for each selected patch."""

    name = "features"
    version = 1
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("features", *further_tables(components.features))

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", *model_reads(components.features), "patches")

    def run(self, work: Work) -> None:
        """Write ``features.safetensors``: ``patches`` and ``heldout``, row for row as the patch tables.

        With folds it is the first model that sees all of them: features of different models cannot be compared.
        """
        train = patches_of(pq.read_table(work.published("patches", "selected_patches.parquet")))
        heldout = patches_of(pq.read_table(work.published("patches", "heldout_patches.parquet")))
        images = RecordsById(Records.of(work.records()))
        shards = cut(group_by_image([*train, *heldout], images), SHARD_SIZE)
        work.process(ExtractionJob(work.inputs, work.workspace, shards, fitted(work, work.components.features)))
        paths = [shard_path(work.workspace, number) for number in range(len(shards))]
        features = gather(paths, len(train) + len(heldout))
        save_file(
            {"patches": features[: len(train)], "heldout": features[len(train) :]}, work.folder / "features.safetensors"
        )


def group_by_image(patches: Sequence[Patch], images: RecordsById) -> list[Group]:
    """Patches grouped by (image, label), ordered by image so that a shard opens each picture once."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, patch in enumerate(patches):
        rows[patch.image_id, patch.label].append(row)
    return [
        Group(images.row(image_id), label, tuple(patches[row].box for row in members), tuple(members))
        for (image_id, label), members in sorted(rows.items())
    ]


def gather(shards: Sequence[Path], total: int) -> FloatArray:
    """The features of all shards in the order of the table; one shard at a time is held besides."""
    features: FloatArray = np.empty((total, 0), dtype=np.float32)
    for number, path in enumerate(shards):
        tensors = load_file(path)
        if number == 0:
            features = np.empty((total, tensors["features"].shape[1]), dtype=np.float32)
        features[tensors["rows"]] = tensors["features"]
    return features
