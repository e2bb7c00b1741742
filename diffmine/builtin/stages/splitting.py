"""What each picture of a run is for: who learns from it, which model scores it, whether it is mined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from diffmine.numerics.seeding import derive_seed
from diffmine.runs.records import Places, Records
from diffmine.types import BoolArray, ImageRecord, Split

Mine = Literal["train", "heldout", "all"]


def split(records: Iterable[ImageRecord], holdout: float, seed: int) -> Records:
    """Hold out a share of each label's images, by a draw keyed by their content; of one image, never."""
    records = Records.of(records)
    return place(records, _shares(records, np.ones(len(records), dtype=bool), holdout, seed, "split"), "heldout")


def set_aside(records: Iterable[ImageRecord], among: Split, share: float, seed: int) -> Records:
    """Put a share of each label's images into the validation split, likewise.

    Args:
        among: the split that they are taken from; the share is of its images, and never all of them.
    """
    records = Records.of(records)
    return place(records, _shares(records, records.in_split(among), share, seed, "validation"), "validation")


def place(records: Records, chosen: BoolArray, split: Split) -> Records:
    """The records, the chosen images among them in another split; ``chosen`` is bool, (records,)."""
    return records.with_columns(split=pc.if_else(pa.array(chosen), split, records.table["split"]))


def deal(records: Iterable[ImageRecord], folds: int, seed: int) -> Records:
    """Deal the training images into so many parts, those of each label evenly, by a draw keyed by their content.

    The parts of a label depend on its own images alone; which of them are the larger ones is drawn for each label.
    """
    records = Records.of(records)
    train = records.in_split("train")
    fold = np.zeros(len(records), dtype=np.int32)
    for label, rows in _by_first_label(records, train, seed, "fold"):
        first = derive_seed(seed, "first fold", label) % folds
        fold[rows] = (first + np.arange(len(rows))) % folds
    return records.with_columns(fold=pa.array(fold, mask=~train))


def choose_mined(records: Iterable[ImageRecord], mine: Mine, per_label: int | None, seed: int) -> Records:
    """Say where patches are looked for: in the images of these splits, or in some that are drawn of each label.

    Images for validation are never mined. An image that is drawn for one of its labels is mined under its others too.
    """
    records = Records.of(records)
    splits: tuple[Split, ...] = ("train", "heldout") if mine == "all" else (mine,)
    mined = np.logical_or.reduce([records.in_split(one) for one in splits]) & records.of_origin("dataset")
    if per_label is not None:
        order = draws(records, seed, "mine")
        carriers = (np.flatnonzero(records.carrying(label) & mined) for label in records.labels)
        drawn = [_drawn(rows, order)[:per_label] for rows in carriers]
        mined = np.zeros(len(records), dtype=bool)
        mined[np.concatenate([*drawn, np.zeros(0, dtype=np.int64)])] = True
    return records.with_columns(mined=pa.array(mined))


def _shares(records: Records, among: BoolArray, share: float, seed: int, purpose: str) -> BoolArray:
    chosen = np.zeros(len(records), dtype=bool)
    for _, rows in _by_first_label(records, among, seed, purpose):
        chosen[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    return chosen


def _by_first_label(records: Records, among: BoolArray, seed: int, purpose: str) -> Iterator[tuple[str, Places]]:
    """The rows of some images by their first label, in the order of a draw."""
    order = draws(records, seed, purpose)
    for place, label in enumerate(records.labels):
        if len(rows := np.flatnonzero(among & (records.first_labels == place))):
            yield label, _drawn(rows, order)


def draws(records: Records, seed: int, purpose: str) -> NDArray[np.int64]:
    """What an image's place in a draw is told by."""
    ids = (one for chunk in records.table["image_id"].chunks for one in chunk)
    return np.fromiter((derive_seed(seed, purpose, one.as_py()) for one in ids), dtype=np.int64, count=len(records))


def _drawn(rows: Places, draws: NDArray[np.int64]) -> Places:
    return rows[np.argsort(draws[rows], kind="stable")]
