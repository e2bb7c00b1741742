"""What each picture of a run is for: who learns from it, which model scores it, whether it is mined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from diffmine.numerics.seeding import derive_seed
from diffmine.types import ImageRecord, Split

Mine = Literal["train", "heldout", "all"]


def split(records: Sequence[ImageRecord], holdout: float, seed: int) -> list[ImageRecord]:
    """Hold out a share of each label's images, by a draw keyed by their content; of one image, never."""
    return place(records, _shares(records, holdout, seed, "split"), "heldout")


def set_aside(records: Sequence[ImageRecord], among: Split, share: float, seed: int) -> list[ImageRecord]:
    """Put a share of each label's images into the validation split, likewise.

    Args:
        among: the split that they are taken from; the share is of its images, and never all of them.
    """
    members = [record for record in records if record.split == among]
    return place(records, _shares(members, share, seed, "validation"), "validation")


def place(records: Iterable[ImageRecord], chosen: Collection[str], split: Split) -> list[ImageRecord]:
    """The records, the chosen images among them in another split."""
    return [replace(record, split=split) if record.image_id in chosen else record for record in records]


def deal(records: Sequence[ImageRecord], folds: int, seed: int) -> list[ImageRecord]:
    """Deal the training images into so many parts, those of each label evenly, by a draw keyed by their content.

    The parts of a label depend on its own images alone; which of them are the larger ones is drawn for each label.
    """
    fold: dict[str, int] = {}
    train = [record for record in records if record.split == "train"]
    for label, ids in _by_label(train, seed, "fold").items():
        first = derive_seed(seed, "first fold", label) % folds
        fold |= {image_id: (first + number) % folds for number, image_id in enumerate(ids)}
    return [replace(record, fold=fold.get(record.image_id)) for record in records]


def choose_mined(records: Iterable[ImageRecord], mine: Mine, per_label: int | None, seed: int) -> list[ImageRecord]:
    """Say where patches are looked for: in the images of these splits, or in some that are drawn of each label.

    Images for validation are never mined. An image that is drawn for one of its labels is mined under its others too.
    """
    splits: tuple[Split, ...] = ("train", "heldout") if mine == "all" else (mine,)
    records = list(records)
    mined = {one.image_id for one in records if one.split in splits and one.origin == "dataset"}
    if per_label is not None:
        by_label: dict[str, list[str]] = defaultdict(list)
        for record in records:
            for label in record.labels if record.image_id in mined else ():
                by_label[label].append(record.image_id)
        mined = {one for ids in by_label.values() for one in _drawn(ids, seed, "mine")[:per_label]}
    return [replace(record, mined=record.image_id in mined) for record in records]


def _shares(records: Iterable[ImageRecord], share: float, seed: int, purpose: str) -> set[str]:
    by_label = _by_label(records, seed, purpose).values()
    return {image_id for ids in by_label for image_id in ids[: min(round(share * len(ids)), len(ids) - 1)]}


def _by_label(records: Iterable[ImageRecord], seed: int, purpose: str) -> dict[str, list[str]]:
    """Images by their first label, in the order of a draw."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_label[record.labels[0]].append(record.image_id)
    return {label: _drawn(ids, seed, purpose) for label, ids in by_label.items()}


def _drawn(ids: Iterable[str], seed: int, purpose: str) -> list[str]:
    return sorted(ids, key=lambda image_id: derive_seed(seed, purpose, image_id))
