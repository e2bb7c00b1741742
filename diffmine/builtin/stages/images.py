"""Stage ``images``: list, draw, verify and split the pictures."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from diffmine.errors import DataError, PictureError
from diffmine.interfaces import ImageSource, Progress, Stage, Work
from diffmine.numerics.choosing import choose
from diffmine.numerics.seeding import derive_seed
from diffmine.pictures.decoding import open_upright, pipeline_size
from diffmine.runs.tables import images_table
from diffmine.types import ImageRecord, Item, Split

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

ID_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What decoding an item told."""

    item: Item
    digest: str = ""
    width: int = 0
    height: int = 0
    cause: str = ""


class Images(Stage):
    """List, draw, verify and split the pictures."""

    name = "images"
    version = 2
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("dataset",)

    def run(self, work: Work) -> None:
        """Write ``images.parquet`` and ``skipped.csv``."""
        dataset = work.components.dataset
        prepared = work.folder / "prepared"
        prepared.mkdir(exist_ok=True)
        dataset.prepare(prepared, seed=work.seed, progress=work.progress)
        source = dataset.open(prepared)
        items = choose(source.scan(), dataset.config.labels, dataset.config.per_label, work.seed)
        if not items:
            raise DataError(_nothing_found(source, dataset.config.labels))
        verified = list(verify(items, source, dataset.config.image_size, work.progress))
        skipped = [(one.item.path, one.cause) for one in verified if one.cause]
        _check_bad_fraction(skipped, len(verified), dataset.config.max_bad_fraction)
        records, duplicates = merge_duplicates(one for one in verified if not one.cause)
        if dataset.config.shuffle_labels:
            records = shuffle_labels(records, work.seed)
        holdout = dataset.config.holdout
        if holdout == "annotated":
            records = hold_out(records, annotated(records, source))
        else:
            records = split(records, holdout, work.seed)
        _warn(work.progress, skipped, duplicates)
        pq.write_table(images_table(records), work.public("images.parquet"))
        with work.public("skipped.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("path", "cause"), *sorted([*skipped, *duplicates])])


def verify(items: list[Item], source: ImageSource, image_size: int | None, progress: Progress) -> Iterator[Verified]:
    """Decode every item, in order, on all cores."""

    def verify_one(item: Item) -> Verified:
        try:
            data = source.read(item.path)
            width, height = pipeline_size(*open_upright(data).size, image_size)
        except PictureError as error:
            return Verified(item, cause=str(error))
        except OSError as error:
            return Verified(item, cause=f"cannot be read: {error.strerror or error}")
        return Verified(item, hashlib.sha256(data).hexdigest(), width, height)

    progress.start(len(items), "pictures")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        remaining = iter(items)
        while chunk := list(islice(remaining, 256)):
            yield from pool.map(verify_one, chunk)
            progress.advance(len(chunk))


def merge_duplicates(verified: Iterable[Verified]) -> tuple[list[ImageRecord], list[tuple[str, str]]]:
    """One record for each distinct content, carrying the labels of all its copies; and what was merged."""
    first: dict[str, Verified] = {}
    labels: dict[str, dict[str, None]] = defaultdict(dict)
    duplicates = []
    for one in verified:
        labels[one.digest].update(dict.fromkeys(one.item.labels))
        original = first.setdefault(one.digest, one)
        if original is not one:
            duplicates.append((one.item.path, f"duplicate of {original.item.path}"))
    records = [
        ImageRecord(
            digest[:ID_LENGTH],
            one.item.path,
            tuple(labels[digest]),
            one.width,
            one.height,
            digest,
            "train",
            one.item.columns,
        )
        for digest, one in first.items()
    ]
    return sorted(records, key=lambda record: record.image_id), duplicates


def shuffle_labels(records: list[ImageRecord], seed: int) -> list[ImageRecord]:
    """Give each image the labels of another, drawn by the seed and the images' content; counts stay as they were.

    The columns go with the labels, as they may describe them.
    """
    drawn = sorted(records, key=lambda record: derive_seed(seed, "shuffle labels", record.image_id))
    by_id = sorted(records, key=lambda record: record.image_id)
    pairs = zip(by_id, drawn, strict=True)
    return [replace(record, labels=other.labels, columns=other.columns) for record, other in pairs]


def split(records: list[ImageRecord], holdout: float, seed: int) -> list[ImageRecord]:
    """Hold out a share of each label's images, by a draw keyed by their content; of one image, never."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_label[record.labels[0]].append(record.image_id)
    heldout: set[str] = set()
    for ids in by_label.values():
        drawn = sorted(ids, key=lambda image_id: derive_seed(seed, "split", image_id))
        heldout.update(drawn[: min(round(holdout * len(ids)), len(ids) - 1)])
    return hold_out(records, heldout)


def hold_out(records: list[ImageRecord], heldout: Collection[str]) -> list[ImageRecord]:
    """The records with the named images in the held-out split and all others in the training split."""
    places: dict[bool, Split] = {True: "heldout", False: "train"}
    return [
        replace(record, split=places[record.image_id in heldout], mined=record.image_id not in heldout)
        for record in records
    ]


def annotated(records: list[ImageRecord], source: ImageSource) -> set[str]:
    """The images that have a mask or a box.

    Raises:
        DataError: all have one, so that none would be left to train on, or none has.
    """
    found = {record.image_id for record in records if any(mask.any() for mask in source.masks(record).values())}
    if not 0 < len(found) < len(records):
        raise DataError(
            f"{len(found)} of {len(records)} images have a mask or a box; [dataset] holdout = 'annotated' needs some "
            "with and some without; name a share such as 0.1 instead"
        )
    return found


def _check_bad_fraction(skipped: list[tuple[str, str]], total: int, allowed: float) -> None:
    if (skipped and len(skipped) == total) or len(skipped) > allowed * total:
        path, cause = skipped[0]
        raise DataError(
            f"{len(skipped)} of {total} pictures cannot be used, more than max_bad_fraction = {allowed} allows; "
            f"the first: {path}: {cause}; mend them, leave them out, or raise [dataset] max_bad_fraction"
        )


def _warn(progress: Progress, skipped: list[tuple[str, str]], duplicates: list[tuple[str, str]]) -> None:
    if skipped:
        progress.warn(f"{len(skipped)} pictures were skipped; skipped.csv names each with its cause")
    if duplicates:
        progress.warn(f"{len(duplicates)} exact duplicates were merged; skipped.csv names them")


def _nothing_found(source: ImageSource, labels: tuple[str, ...] | None) -> str:
    found = sorted({label for item in islice(source.scan(), 10_000) for label in item.labels})
    if labels is None or not found:
        return "the dataset holds no labelled pictures; look at [dataset] path and its layout"
    return f"no picture has one of the labels {', '.join(labels)}; found: {', '.join(found[:20])}"
