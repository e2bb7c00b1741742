"""The two jobs of the stage: translating pictures and scoring what came of it; features of places in all versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffmine.diffusion.label_evidence import evidence_by, evidence_config
from diffmine.files.shards import commit_shard, shard_path
from diffmine.interfaces import Inputs, Job, ModelTools, PatchRequest, ProcessShard, Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.types import Box, FloatArray, Picture, TypicalityMap
from diffmine_translate.options import TranslateConfig
from diffmine_translate.sources import Source
from diffmine_translate.versions import Versions, psnr

if TYPE_CHECKING:
    from diffmine_translate.translating import Translated, Translator

Fits = Mapping[int | None, Path | None]
"""Fold -> what the scorer has fitted without it."""


@dataclass(frozen=True)
class PictureJob(Job):
    """Pictures in shards.

    Attributes:
        inputs: of the stage.
        folder: where the shards are committed.
        shards: the pictures.
        labels: every label of the run, sorted.
    """

    inputs: Inputs
    folder: Path
    shards: Sequence[Sequence[Source]]
    labels: tuple[str, ...]
    unit = "pictures"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """Pictures in each shard."""
        return [len(shard) for shard in self.shards]

    def contents(self, shard: int) -> str:
        first, last = self.shards[shard][0].record, self.shards[shard][-1].record
        return f"{len(self.shards[shard])} pictures, {first.path} to {last.path}"


@dataclass(frozen=True)
class TranslationJob(PictureJob):
    """Translate the pictures of a shard to every label that they do not carry, and score picture and translations.

    Attributes:
        config: how.
        fitted: what the scorer has fitted, for each fold.
    """

    config: TranslateConfig
    fitted: Fits

    def open(self, device: str) -> ProcessShard:
        """Load the model of a fold when its first shard comes; one at a time is kept."""
        held: dict[int | None, _Opened] = {}

        def opened(fold: int | None) -> _Opened:
            if fold not in held:
                held.clear()  # before the next one is loaded
                held[fold] = _Opened(self, self.inputs.tools(device, self.fitted.get(fold), fold))
            return held[fold]

        picture = self.inputs.opener()

        def process(number: int, progress: Progress) -> None:
            sources, tensors = self.shards[number], dict[str, Any]()
            at_work = opened(sources[0].record.fold)
            pictures = [picture(one.record) for one in sources]
            translated = at_work.translated(sources, pictures)
            for place, (source, original) in enumerate(zip(sources, pictures, strict=True)):
                tensors |= at_work.measured(source, original, translated[place]).tensors(str(place))
                progress.advance()
            commit_shard(self.folder, number, tensors)

        return process


class _Opened:
    """Translator and scorer with one model loaded."""

    def __init__(self, job: TranslationJob, tools: ModelTools) -> None:
        from diffmine_translate.translating import Translator

        scorer = job.inputs.components.scorer
        self._labels, self._tools = job.labels, tools
        self._translator: Translator = Translator(tools, job.config)
        self._scoring: Scoring = scorer.open(tools)
        self._evidence = evidence_config(scorer.describe(), job.config.evidence_draws)
        targets = max(1, len(job.labels) - 1)
        self._at_once = BatchSize(max(1, job.config.batch_size // targets))

    def translated(self, sources: Sequence[Source], pictures: Sequence[Picture]) -> dict[int, Translated]:
        """Place in the shard -> what came of the picture; pictures of one size go together."""
        alike: dict[tuple[tuple[int, ...], int], list[int]] = defaultdict(list)
        for place, (source, picture) in enumerate(zip(sources, pictures, strict=True)):
            alike[picture.pixels.shape, len(source.targets)].append(place)
        found: dict[int, Translated] = {}
        for places in alike.values():
            pairs = [(sources[place], pictures[place].pixels) for place in places]
            found.update(zip(places, run_in_batches(self._translator.translate, pairs, self._at_once), strict=True))
        return found

    def measured(self, source: Source, picture: Picture, translated: Translated) -> Versions:
        """Score the picture under every label, its translations under their own label and under the picture's."""
        pixels = dict(zip(source.targets, translated.translations, strict=True))
        versions = [source.version(one, pixels.get(one, picture.pixels)) for one in self._labels]
        moved = [place for place, one in enumerate(self._labels) if one in pixels]
        before, *after = self._scoring.score(
            [picture, *(versions[place] for place in moved)],
            [self._labels, *((self._labels[place], source.label) for place in moved)],
            Progress(),
        )
        of_label, own = list(before), [before[self._labels.index(source.label)]] * len(self._labels)
        for place, (of_target, of_source) in zip(moved, after, strict=True):
            of_label[place], own[place] = of_target, of_source
        return Versions(
            pixels=np.stack([one.pixels for one in versions]),
            after=np.stack([one.mean for one in of_label]),
            influence=np.stack([_influence(one) for one in of_label]),
            own=np.stack([one.mean for one in own]),
            before=np.stack([one.mean for one in before]),
            evidence=np.stack(evidence_by(self._tools, self._evidence, versions, [self._labels] * len(versions))),
            reconstruction_psnr=psnr(translated.reconstruction, picture.pixels),
            stride=self._scoring.stride,
        )


def _influence(one: TypicalityMap) -> FloatArray:
    return np.full_like(one.mean, np.nan) if one.influence is None else one.influence


@dataclass(frozen=True)
class PlaceFeaturesJob(PictureJob):
    """Extract the features of places in every version of the pictures of a shard.

    Attributes:
        versions: where ``TranslationJob`` committed the versions, in the same shards.
        boxes: the places of each picture, shard by shard; none for some.
        fitted: what the extractor has fitted.
    """

    versions: Path
    boxes: Sequence[Sequence[tuple[Box, ...]]]
    fitted: Path | None

    def open(self, device: str) -> ProcessShard:
        """Load the extractor with the first model, as features of several models cannot be compared."""
        extraction = self.inputs.components.features.open(self.inputs.tools(device, self.fitted))

        def process(number: int, progress: Progress) -> None:
            shard, tensors = shard_path(self.versions, number), dict[str, Any]()
            wanted = [(place, boxes) for place, boxes in enumerate(self.boxes[number]) if boxes]
            loaded = {place: Versions.load(shard, str(place)).pixels for place, _ in wanted}
            for at, label in enumerate(self.labels):
                # Versions of one picture have one digest, and with it one noise; extractors may take them for one
                # picture if they see them together.
                requests = [
                    PatchRequest(self.shards[number][place].version(label, loaded[place][at]), label, boxes)
                    for place, boxes in wanted
                ]
                features = extraction.extract(requests) if requests else []
                for (place, _), found in zip(wanted, features, strict=True):
                    tensors[f"{place}/{at}"] = found.astype(np.float32)
            commit_shard(self.folder, number, tensors)
            progress.advance(len(self.shards[number]))

        return process
