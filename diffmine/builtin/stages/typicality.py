"""Stage ``typicality``: for each image and label a map of typicality and one of influence, with standard errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
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
from diffmine.numerics.rows import batches
from diffmine.runs.records import Places, Records
from diffmine.runs.typicality_maps import DRAWS_FILE, TypicalityMaps, tensors_of
from diffmine.types import ImageRecord, Role

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
        rows: int64, (images,): their numbers among the run's pictures, shard after shard.
        sizes: images in each shard.
        fitted: what the scorer has fitted, for each fold.
        known: the artifact or round that holds the images' maps so far; None: there are none.
        draws: that the maps shall be the mean of, where some are known.
    """

    inputs: Inputs
    folder: Path
    rows: Places
    sizes: Sequence[int]
    fitted: Fits = field(default_factory=dict)
    known: Path | None = None
    draws: int = 0
    unit = "images"

    def contents(self, shard: int) -> str:
        start = sum(self.sizes[:shard])
        first, last = self.inputs.records([self.rows[start], self.rows[start + self.sizes[shard] - 1]])
        return f"{self.sizes[shard]} images, {first.path} to {last.path}"

    def open(self, device: str) -> ProcessShard:
        """Load the scorer with the model of a fold when its first shard comes; one at a time is kept."""
        scorer, picture = self.inputs.components.scorer, self.inputs.opener()
        known = None if self.known is None else TypicalityMaps(self.known)
        held: dict[int | None, tuple[ModelTools, Scoring]] = {}
        bounds = np.cumsum([0, *self.sizes])

        def opened(fold: int | None) -> tuple[ModelTools, Scoring]:
            if fold not in held:
                held.clear()  # before the next one is loaded
                tools = self.inputs.tools(device, self.fitted.get(fold), fold)
                held[fold] = tools, scorer.open(tools)
            return held[fold]

        def score(number: int, progress: Progress) -> None:
            records = self.inputs.records(self.rows[bounds[number] : bounds[number + 1]])
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


def by_fold(records: Records, rows: Places) -> tuple[Places, list[int]]:
    """Shards of images that one model scores, those of one fold after those of another.

    Args:
        records: the run's pictures.
        rows: those that are scored.
    Returns:
        the rows in the order of the shards, and how many are in each.
    """
    folds = records.folds[rows]
    counts = np.unique(folds, return_counts=True)[1].tolist()
    sizes = [len(shard) for count in counts for shard in cut(range(count), SHARD_SIZE)]
    return rows[np.argsort(folds, kind="stable")], sizes


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
        records = Records.of(work.records())
        rows = np.flatnonzero(records.scored)
        folds = [None if fold < 0 else fold for fold in dict.fromkeys(records.folds[rows].tolist())]
        fits = {fold: fitted(work, work.components.scorer, fold) for fold in folds}
        if len(work.components.scorer.rounds) < 2:
            self._score(work, work.folder, records, rows, fits)
        else:
            self._race(work, records, rows, fits)

    def _race(self, work: Work, records: Records, rows: Places, fits: Fits) -> None:
        """Score in rounds, then gather each image's last maps."""
        if (work.folder / GRID).exists() and not (work.workspace / ROUNDS).exists():  # killed while it was committed
            return
        race, active, known = Race(work, records, rows), rows, None
        last: dict[int, TypicalityMaps] = {}
        for draws in work.components.scorer.rounds:
            folder = work.workspace / ROUNDS / f"{draws:05d}"
            folder.mkdir(parents=True, exist_ok=True)
            self._score(work, folder, records, active, fits, known, draws)
            last[draws] = TypicalityMaps(folder)
            active, known = race.after(last[draws], draws, active), folder
            if not len(active):
                break
        found = race.report()
        work.progress.status(f"{found['mean']:.1f} of {found['most']} draws an image")
        work.write_json(work.public(DRAWS_FILE), found)
        ordered, sizes = by_fold(records, rows)
        for number, start in enumerate(np.cumsum([0, *sizes])[:-1].tolist()):
            shard = ordered[start : start + sizes[number]]
            if not shard_is_done(shard_path(work.folder, number)):
                maps = [last[draws] for draws in race.draws[shard].tolist()]
                commit_shard(work.folder, number, gathered(records.take(shard), maps))
        self._index(work, work.folder, records.take(ordered), sizes, race.draws[ordered])

    def _score(
        self,
        work: Work,
        folder: Path,
        records: Records,
        rows: Places,
        fits: Fits,
        known: Path | None = None,
        draws: int = 0,
    ) -> None:
        """Score images into a folder, or add draws to the maps of another."""
        ordered, sizes = by_fold(records, rows)
        work.process(ScoringJob(work.inputs, folder, ordered, sizes, fits, known, draws))
        self._index(work, folder, records.take(ordered), sizes)

    def _index(
        self, work: Work, folder: Path, records: Records, sizes: Sequence[int], draws: Places | None = None
    ) -> None:
        """Say which shard holds which map, and what all maps share.

        Args:
            records: the images, shard after shard.
            sizes: how many are in each shard.
            draws: of each image's maps; None: all have equally many.
        """
        with safe_open(shard_path(folder, 0), "np") as tensors:
            present = [name for name in ("stride", "draws") if name in set(tensors.keys())]
            grid = {name: int(tensors.get_tensor(name).item()) for name in present}
        if draws is not None:
            grid["draws"] = int(draws.max())
        each = repeat(grid.get("draws")) if draws is None else draws
        shards = np.repeat(np.arange(len(sizes)), sizes)
        rows = _scored(work, records, shards, each)
        parts = [pa.table(list(zip(*batch, strict=True)), schema=INDEX) for batch in batches(rows)]
        pq.write_table(pa.concat_tables(parts).combine_chunks(), folder / "index.parquet")
        write_atomically(folder / GRID, json.dumps(grid).encode())


def _scored(
    work: Work, records: Records, shards: Iterable[int], draws: Iterable[int | None]
) -> Iterator[tuple[str, str, int, Role, int | None]]:
    """A row of the index for each image and label."""
    scorer, labels = work.components.scorer, Records.of(work.records()).labels
    for record, shard, spent in zip(records, shards, draws, strict=False):  # draws may be told without end
        for label in scorer.labels_to_score(record, labels, work.seed):
            yield record.image_id, label, shard, scorer.role(record, label), spent


def gathered(records: Iterable[ImageRecord], maps: Iterable[TypicalityMaps]) -> dict[str, NDArray[Any]]:
    """What a shard holds of images whose maps lie in several rounds.

    Args:
        maps: the round that holds the last ones of each.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for record, found in zip(records, maps, strict=True):
        tensors["stride"] = np.array(found.stride, dtype=np.int32)
        for label in found.labels(record.image_id):
            tensors |= tensors_of(found.load(record.image_id, label))
    return tensors
