"""Stage ``translate``: pictures translated to every other label, and what changes mined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

from diffmine.analysis.ranking import Ranked, rank_clusters
from diffmine.errors import DataError
from diffmine.files.names import fitted_folder
from diffmine.files.shards import shard_path
from diffmine.interfaces import Stage, Work
from diffmine.types import Box, FloatArray
from diffmine_translate.jobs import PlaceFeaturesJob, TranslationJob
from diffmine_translate.options import TranslateConfig
from diffmine_translate.places import OUTCOMES, at_box, outcomes, places, thresholds
from diffmine_translate.sources import Source, chosen_sources, in_shards
from diffmine_translate.tables import (
    CHANGES,
    CHANGES_FILE,
    CLUSTERS_FILE,
    PICTURES,
    PLACES,
    PLACES_FILE,
    TRANSLATIONS,
    TRANSLATIONS_FILE,
    TRENDS,
    TRENDS_FILE,
)
from diffmine_translate.versions import Versions, psnr

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

FAITHFUL = 20.0
"""dB below which pictures are not given back, and translations are of something else."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a picture.

    Attributes:
        shard, at: where the versions of the picture lie.
        source: the picture.
        box: the place.
        value: its co-typicality.
        own_before: T(picture | source) there.
        own, before, after: see :class:`diffmine_translate.versions.Versions`; each (labels,).
        seen_as: the label that each version speaks most for, as a number, (labels,).
    """

    shard: int
    at: int
    source: Source
    box: Box
    value: float
    own_before: float
    own: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    seen_as: NDArray[np.int64]


class Translate(Stage):
    """Pictures are translated to every other label (plug-and-play), and places that are typical in all are clustered.

    Siglidis et al., *Diffusion Models as Data Mining Tools* (2024), on elements across labels: DDIM inversion under the
    picture's own label, sampling under each other label with injection (:mod:`diffmine_translate.injection`), the
    median over labels of a place's typicality as its score, and clusters of its features in all labels.
    """

    name = "translate"
    needs_model = True
    Config = TranslateConfig
    config: TranslateConfig

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("model", "conditioning", "scorer", "patches", "features", "clusterer")

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", "finetune", "typicality", "patches", "features")

    def passes(self, components: Components, images: Mapping[str, int]) -> int:
        """Inversion, sampling, scoring and features of every picture."""
        config, labels = self.config, len(images)
        targets, scorer = labels - 1, components.scorer
        injected = round(max(config.feature_steps, config.attention_steps) * config.steps)
        sampled = config.steps * targets * (1 if config.guidance == 1 else 2)
        scored = scorer.passes(labels) + targets * scorer.passes(2)
        evidence = labels * (1 + labels) * config.evidence_draws
        features = labels * components.features.passes()
        one = config.steps * (2 + config.refinements) + injected + sampled + scored + evidence + features
        return one * sum(min(config.per_label, count) for count in images.values())

    def run(self, work: Work) -> None:
        """Write the tables of :mod:`diffmine_translate.tables`, and the pictures."""
        records = work.records()
        labels = tuple(sorted({label for record in records for label in record.labels}))
        if len(labels) < 2:
            raise DataError("[translate] needs at least two labels, and this run has one; add pictures of another")
        shards = in_shards(self._sources(work, labels))
        self._translate(work, shards, labels)
        found = self._places(work, shards, labels)
        features = self._features(work, shards, labels, found)
        ranked = self._cluster(work, found, features)
        self._write(work, labels, found, ranked)

    def _sources(self, work: Work, labels: tuple[str, ...]) -> list[Source]:
        selection = work.components.patches.name
        patches = [one for one in work.run.selected_patches.to_pylist() if one["selection"] == selection]
        return chosen_sources(patches, work.run.records, labels, self.config.per_label)

    def _translate(self, work: Work, shards: Sequence[Sequence[Source]], labels: tuple[str, ...]) -> None:
        """Translate and score, then write pictures and ``translations.parquet``."""
        folds = {shard[0].record.fold for shard in shards}
        fits = {fold: _fitted(work, "typicality", fold) for fold in folds}
        folder = work.workspace / PICTURES
        work.process(TranslationJob(work.inputs, folder, shards, labels, self.config, fits))
        pictures = work.public(PICTURES)
        pictures.mkdir(exist_ok=True)
        rows, faithful = [], []
        for number, (source, versions) in enumerate(_loaded(work, shards)):
            file = f"{PICTURES}/{number:05d}.png"
            Image.fromarray(np.concatenate(list(versions.pixels), axis=1)).save(pictures / f"{number:05d}.png")
            rows += _rows(source, versions, labels, file)
            faithful.append(versions.reconstruction_psnr)
        pq.write_table(pa.Table.from_pylist(rows, schema=TRANSLATIONS), work.public(TRANSLATIONS_FILE))
        if (middle := float(np.median(faithful))) < FAITHFUL:
            work.progress.warn(
                f"[translate] gives pictures back at {middle:.1f} dB only, so that translations differ in more "
                "than the label; raise translate.steps or translate.refinements, or train the model for longer"
            )

    def _places(self, work: Work, shards: Sequence[Sequence[Source]], labels: tuple[str, ...]) -> list[Place]:
        """The places of highest co-typicality, the best first."""
        size, count = work.components.patches.config.size, work.components.patches.config.per_image
        found = []
        where = [(number, at) for number, shard in enumerate(shards) for at in range(len(shard))]
        for (number, at), (source, one) in zip(where, _loaded(work, shards), strict=True):
            height, width = one.pixels.shape[1:3]
            shape, own = (one.stride, height, width), labels.index(source.label)
            for box, value in places(one.after, *shape, size, count):
                own_after, before, after = (at_box(maps, box, *shape) for maps in (one.own, one.before, one.after))
                seen_as = one.evidence.argmax(1)
                found.append(Place(number, at, source, box, value, before[own], own_after, before, after, seen_as))
        if not found:
            raise DataError(
                f"[translate] no picture holds a patch of patches.size = {size} pixels; give a smaller size"
            )
        found.sort(key=lambda one: (-one.value, one.source.record.image_id, one.source.label, one.box))
        return found[: self.config.places]

    def _features(
        self, work: Work, shards: Sequence[Sequence[Source]], labels: tuple[str, ...], found: Sequence[Place]
    ) -> FloatArray:
        """The features of each place in all labels, projected label by label and joined, (places, dims)."""
        rows: dict[tuple[int, int], list[int]] = {}
        for row, place in enumerate(found):
            rows.setdefault((place.shard, place.at), []).append(row)
        boxes = [
            [tuple(found[row].box for row in rows.get((number, at), ())) for at in range(len(shard))]
            for number, shard in enumerate(shards)
        ]
        folder, fit = work.workspace / "place-features", _fitted(work, "features", work.inputs.folds[0])
        versions = work.workspace / PICTURES
        work.process(PlaceFeaturesJob(work.inputs, folder, shards, labels, versions, boxes, fit))
        joined = []
        for at_label in range(len(labels)):
            of_label: dict[int, FloatArray] = {}
            for (number, at), members in rows.items():
                with safe_open(shard_path(folder, number), "np") as tensors:
                    of_label.update(zip(members, tensors.get_tensor(f"{at}/{at_label}"), strict=True))
            stacked = np.stack([of_label[row] for row in range(len(found))])
            joined.append(self.parts[0].fit_transform(stacked, seed=work.seed))  # type: ignore[attr-defined]
        return np.concatenate(joined, axis=1)

    def _cluster(self, work: Work, found: Sequence[Place], features: FloatArray) -> Ranked:
        """Clusters over the places of all pictures, ranked by co-typicality."""
        clusterer = work.components.clusterer
        return rank_clusters(
            clusterer.fit_predict(features, seed=work.seed),
            features,
            np.array([one.value for one in found], dtype=np.float32),
            [one.source.record.image_id for one in found],
            by=clusterer.config.rank_by,
        )

    def _write(self, work: Work, labels: tuple[str, ...], found: Sequence[Place], ranked: Ranked) -> None:
        """Write the tables of places, of what became of them, and of clusters and trends."""
        rows = [
            {
                "place": row,
                "image_id": one.source.record.image_id,
                "source": one.source.label,
                **one.box._asdict(),
                "co_typicality": one.value,
                "rank": row,
                "cluster": ranked.cluster[row],
                "distance": ranked.distance[row],
            }
            for row, one in enumerate(found)
        ]
        clusters = [asdict(one) for one in ranked.table]
        changes = _changes(found, labels, self.config.level)
        pq.write_table(pa.Table.from_pylist(rows, schema=PLACES), work.public(PLACES_FILE))
        pq.write_table(pa.Table.from_pylist(clusters), work.public(CLUSTERS_FILE))
        pq.write_table(pa.Table.from_pylist(changes, schema=CHANGES), work.public(CHANGES_FILE))
        trends = pa.Table.from_pylist(_trends(found, labels, changes, ranked), schema=TRENDS)
        pq.write_table(trends, work.public(TRENDS_FILE))


def _fitted(work: Work, stage: str, fold: int | None) -> Any:
    """What the component of a stage has fitted; None: nothing."""
    folder = fitted_folder(work.artifact(stage), fold)
    return folder if folder.exists() and any(folder.iterdir()) else None


def _loaded(work: Work, shards: Sequence[Sequence[Source]]) -> Iterator[tuple[Source, Versions]]:
    folder = work.workspace / PICTURES
    for number, shard in enumerate(shards):
        for at, source in enumerate(shard):
            yield source, Versions.load(shard_path(folder, number), str(at))


def _rows(source: Source, versions: Versions, labels: Sequence[str], file: str) -> list[dict[str, Any]]:
    """The rows of one picture in ``translations.parquet``."""
    original = versions.pixels[labels.index(source.label)]
    influences = versions.influence.mean((1, 2), dtype=np.float64).tolist()
    return [
        {
            "image_id": source.record.image_id,
            "source": source.label,
            "target": label,
            "file": file,
            "column": at,
            "translated": label in source.targets,
            "typicality": versions.after[at].mean(dtype=np.float64),
            "influence": None if np.isnan(influences[at]) else influences[at],
            "seen_as": labels[versions.evidence[at].argmax()],
            "evidence": versions.evidence[at].tolist(),
            "psnr": psnr(versions.pixels[at], original),
            "reconstruction_psnr": versions.reconstruction_psnr,
        }
        for at, label in enumerate(labels)
    ]


def _changes(found: Sequence[Place], labels: tuple[str, ...], level: float) -> list[dict[str, Any]]:
    """What became of each place in each label that its picture was translated to."""
    before = np.array([one.before for one in found])
    wrong = np.array([[label in one.source.targets for label in labels] for one in found])
    shows = thresholds(before, wrong, level)
    place, target = np.nonzero(wrong)
    own = np.array([labels.index(one.source.label) for one in found])[place]
    own_before = np.array([one.own_before for one in found])[place]
    own_after = np.array([one.own for one in found])[place, target]
    after = np.array([one.after for one in found])[place, target]
    outcome = outcomes(own_before > shows[own], own_after > shows[own], after > shows[target])
    columns = (place, target, own_before, own_after, before[place, target], after, outcome)
    return [
        dict(zip(CHANGES.names, (row[0], labels[row[1]], *row[2:]), strict=True)) for row in zip(*columns, strict=True)
    ]


def _trends(
    found: Sequence[Place], labels: tuple[str, ...], changes: Sequence[Mapping[str, Any]], ranked: Ranked
) -> list[dict[str, Any]]:
    """How often the places of each cluster were kept, changed and so on, by source and target."""
    counts: dict[tuple[int, str, str], Counter[str]] = {}
    for change in changes:
        one, target = found[change["place"]], change["target"]
        key = int(ranked.cluster[change["place"]]), one.source.label, target
        seen = one.seen_as[labels.index(target)] == labels.index(target)
        counts.setdefault(key, Counter()).update({"places": 1, change["outcome"]: 1, "seen_as_target": int(seen)})
    return [
        {
            **dict(zip(("cluster", "source", "target"), key, strict=True)),
            **{name: count[name] for name in ("places", *OUTCOMES, "seen_as_target")},
        }
        for key, count in sorted(counts.items())
        if key[0] >= 0
    ]
