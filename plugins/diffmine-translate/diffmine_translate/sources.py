"""Which pictures are translated, and to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diffmine.files.shards import cut
from diffmine.types import ByteArray, ImageRecord, Picture

SHARD_SIZE = 8


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to be translated.

    Attributes:
        record: the picture.
        label: what it is inverted under, one of its own.
        targets: what it is translated to: every label of the run that it does not carry, sorted.
    """

    record: ImageRecord
    label: str
    targets: tuple[str, ...]

    def version(self, label: str, pixels: ByteArray) -> Picture:
        """The picture as it is under a label.

        Its record keeps the digest, by which draws are keyed: what is measured of the versions of one picture is
        measured with the same noise.
        """
        mine = label in self.record.labels
        labels = self.record.labels if mine else (label,)
        return Picture(replace(self.record, image_id=f"{self.record.image_id} {label}", labels=labels), pixels)


def chosen_sources(
    patches: Iterable[Mapping[str, Any]], records: Mapping[str, ImageRecord], labels: Sequence[str], per_label: int
) -> list[Source]:
    """The pictures with each label's best patches.

    Args:
        patches: the selected patches, without controls: image_id, label and rank of each.
        records: image_id -> record.
        labels: every label of the run, sorted.
        per_label: so many pictures of each label.
    """
    best: dict[str, dict[str, None]] = defaultdict(dict)
    for patch in sorted(patches, key=lambda one: (one["label"], one["rank"])):
        best[patch["label"]].setdefault(patch["image_id"])
    return [
        Source(records[image_id], label, tuple(one for one in labels if one not in records[image_id].labels))
        for label in labels
        for image_id in list(best[label])[:per_label]
    ]


def in_shards(sources: Sequence[Source]) -> list[Sequence[Source]]:
    """Shards of pictures that one model translates."""
    by_fold: dict[int, list[Source]] = defaultdict(list)
    for one in sources:
        by_fold[-1 if one.record.fold is None else one.record.fold].append(one)
    return [shard for fold in sorted(by_fold) for shard in cut(by_fold[fold], SHARD_SIZE)]
