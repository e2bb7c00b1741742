"""Stage ``typicality``: for each image and label a map of typicality and one of influence, with standard errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import safe_open

from diffmine.builtin.stages.fitting import fitted, further_tables, model_reads
from diffmine.builtin.stages.race import Race
from diffmine.files.atomic import shard_is_done, write_atomically
from diffmine.files.shards import commit_shard, cut, shard_path
from diffmine.interfaces import Inputs, Job, ModelTools, ProcessShard, Progress, Scoring, Stage, Work
from diffmine.runs.typicality_maps import DRAWS_FILE, TypicalityMaps, tensors_of
from diffmine.types import ImageRecord

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

SHARD_SIZE = 32
ROUNDS = "rounds"
GRID = "grid.json"
Fits = Mapping[int | None, Path | None]
"""Fold -> what the scorer has fitted without it."""
INDEX = pa.schema(
    [
        ("image_id", pa.string()),
        ("label", pa.string()),
        ("shard", pa.int32()),
        ("role", pa.string()),
        ("draws", pa.int32()),
    ]
)


@dataclass(frozen=True)
class ScoringJob(Job):
    """Score the images of a shard under the labels that the scorer wants for each, or add draws to their maps.

    Attributes:
        inputs: of the stage.
        folder: where the shards are committed.
        shards: the images.
        fitted: what the scorer has fitted, for each fold.
        known: the artifact or round that holds the images' maps so far; None: there are none.
        draws: that the maps shall be the mean of, where some are known.
    """

    inputs: Inputs
    folder: Path
    shards: Sequence[Sequence[ImageRecord]]
    fitted: Fits = field(default_factory=dict)
    known: Path | None = None
    draws: int = 0
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
        known = None if self.known is None else TypicalityMaps(self.known)
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
            pictures = [picture(record) for record in records]
            if known is None:
                found = scoring.score(pictures, labels, progress)
            else:
                maps = [
                    [known.load(record.image_id, label) for label in wanted]
                    for record, wanted in zip(records, labels, strict=True)
                ]
                found = scoring.refine(pictures, maps, self.draws, progress)
            tensors: dict[str, NDArray[Any]] = {"stride": np.array(scoring.stride, dtype=np.int32)}
            for one in chain.from_iterable(found):
                tensors |= tensors_of(one)
            commit_shard(self.folder, number, tensors)

        return score


def cut_by_fold(records: Sequence[ImageRecord], size: int) -> list[Sequence[ImageRecord]]:
    """Shards of images that one model scores, those of one fold after those of another."""
    folds = sorted({record.fold for record in records}, key=lambda fold: -1 if fold is None else fold)
    return [shard for fold in folds for shard in cut([one for one in records if one.fold == fold], size)]


class Typicality(Stage):
    """A map of typicality and one of influence, with standard errors, for each image and label.

    Where the scorer names several rounds, all images are in the first, and those that are undecided after it in the
    next, and so on (:class:`diffmine.builtin.stages.race.Race`). Rounds lie in the workspace until all are done.
    """

    name = "typicality"
    version = 4
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        race = ("patches",) if len(components.scorer.rounds) > 1 else ()
        return ("scorer", *race, *further_tables(components.scorer))

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", *model_reads(components.scorer))

    def settings(self, components: Components) -> Mapping[str, Any]:
        config = components.dataset.config
        order = {} if config.order is None else {"order": config.order, "neighbours": config.neighbours}
        return {**order, **({} if config.hierarchy is None else {"hierarchy": config.hierarchy})}

    def run(self, work: Work) -> None:
        """Write the shards, ``index.parquet`` (which shard holds which map) and ``grid.json``."""
        records = [record for record in work.records() if record.scored]
        folds = dict.fromkeys(record.fold for record in records)
        fits = {fold: fitted(work, work.components.scorer, fold) for fold in folds}
        rounds = work.components.scorer.rounds
        if len(rounds) < 2:
            self._score(work, work.folder, records, fits)
            return
        self._race(work, records, fits)

    def _race(self, work: Work, records: Sequence[ImageRecord], fits: Fits) -> None:
        """Score in rounds, then gather each image's last maps."""
        if (work.folder / GRID).exists() and not (work.workspace / ROUNDS).exists():  # killed while it was committed
            return
        race, active, known = Race(work, records), records, None
        last: dict[str, Path] = {}
        for draws in work.components.scorer.rounds:
            folder = work.workspace / ROUNDS / f"{draws:05d}"
            folder.mkdir(parents=True, exist_ok=True)
            self._score(work, folder, active, fits, known, draws)
            last |= dict.fromkeys((record.image_id for record in active), folder)
            active, known = race.after(TypicalityMaps(folder), draws, active), folder
            if not active:
                break
        found = race.report()
        work.progress.status(f"{found['mean']:.1f} of {found['most']} draws an image")
        work.write_json(work.public(DRAWS_FILE), found)
        shards = cut_by_fold(records, SHARD_SIZE)
        for number, shard in enumerate(shards):
            if not shard_is_done(shard_path(work.folder, number)):
                commit_shard(work.folder, number, gathered(shard, last))
        self._index(work, work.folder, shards, race.draws)

    def _score(
        self,
        work: Work,
        folder: Path,
        records: Sequence[ImageRecord],
        fits: Fits,
        known: Path | None = None,
        draws: int = 0,
    ) -> None:
        """Score images into a folder, or add draws to the maps of another."""
        shards = cut_by_fold(records, SHARD_SIZE)
        work.process(ScoringJob(work.inputs, folder, shards, fits, known, draws))
        self._index(work, folder, shards)

    def _index(
        self,
        work: Work,
        folder: Path,
        shards: Sequence[Sequence[ImageRecord]],
        draws: Mapping[str, int] | None = None,
    ) -> None:
        """Say which shard holds which map, and what all maps share."""
        scorer = work.components.scorer
        with safe_open(shard_path(folder, 0), "np") as tensors:
            present = [name for name in ("stride", "draws") if name in set(tensors.keys())]
            grid = {name: int(tensors.get_tensor(name).item()) for name in present}
        if draws:
            grid["draws"] = max(draws.values())
        labels = sorted({label for record in work.records() for label in record.labels})
        rows = [
            {
                "image_id": record.image_id,
                "label": label,
                "shard": number,
                "role": scorer.role(record, label),
                "draws": draws[record.image_id] if draws else grid.get("draws"),
            }
            for number, shard in enumerate(shards)
            for record in shard
            for label in scorer.labels_to_score(record, labels, work.seed)
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=INDEX), folder / "index.parquet")
        write_atomically(folder / GRID, json.dumps(grid).encode())


def gathered(records: Sequence[ImageRecord], last: Mapping[str, Path]) -> dict[str, NDArray[Any]]:
    """What a shard holds of images whose maps lie in several rounds."""
    rounds = {folder: TypicalityMaps(folder) for folder in set(last.values())}
    tensors: dict[str, NDArray[Any]] = {"stride": np.array(next(iter(rounds.values())).stride, dtype=np.int32)}
    for record in records:
        maps = rounds[last[record.image_id]]
        for label in maps.labels(record.image_id):
            tensors |= tensors_of(maps.load(record.image_id, label))
    return tensors
