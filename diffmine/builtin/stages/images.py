"""Stage ``images``: list, draw, verify and split the pictures."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, get_args

import pyarrow.parquet as pq

from diffmine.builtin.stages.splitting import choose_mined, deal, place, set_aside, split
from diffmine.errors import DataError, PictureError
from diffmine.files.names import prepared_folder
from diffmine.interfaces import DatasetConfig, ImageSource, Progress, Stage, Work
from diffmine.numerics.choosing import choose
from diffmine.numerics.seeding import derive_seed
from diffmine.pictures.decoding import open_upright, pipeline_size
from diffmine.processes.threads import in_threads
from diffmine.runs.axis import axis_of
from diffmine.runs.hierarchy import with_ancestors
from diffmine.runs.tables import images_table
from diffmine.types import ImageRecord, Item, Origin

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components

ID_LENGTH = 20
ORIGINS: tuple[Origin, ...] = get_args(Origin)


@dataclass(frozen=True, slots=True)
class Verified:
    """What decoding an item told."""

    item: Item
    origin: Origin = "dataset"
    digest: str = ""
    width: int = 0
    height: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one of the recipe's datasets holds.

    Attributes:
        origin: the recipe's table.
        source: the opened dataset.
        config: its options.
        images: every item that was drawn, verified.
    """

    origin: Origin
    source: ImageSource
    config: DatasetConfig
    images: Sequence[Verified]

    @property
    def usable(self) -> list[Verified]:
        """What can be decoded."""
        return [image for image in self.images if not image.cause]

    @property
    def skipped(self) -> list[Verified]:
        """What cannot."""
        return [image for image in self.images if image.cause]


class Images(Stage):
    """List, draw, verify and split the pictures."""

    name = "images"
    version = 3
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("dataset", "training")

    def run(self, work: Work) -> None:
        """Write ``images.parquet`` and ``skipped.csv``."""
        listed = [listing(work, origin) for origin in work.components.datasets]
        for one in listed:
            _check_bad_fraction(one)
        records, duplicates = merge_duplicates(image for one in listed for image in one.usable)
        config, training = work.components.dataset.config, work.components.training
        if config.shuffle_labels:
            records = [one for origin in ORIGINS for one in shuffle_labels(_of(records, origin), work.seed)]
            records.sort(key=lambda record: record.image_id)
        if training is None:
            records = divided(records, listed[0].source, config, work.seed)
        else:
            records = trained_elsewhere(records, listed[1], work.progress)
            records = set_aside(records, "heldout", config.validation, work.seed)
        mine = config.mine if training is None else "all"
        records = choose_mined(records, mine, config.mine_per_label, work.seed)
        if not any(record.mined for record in records):
            raise DataError(
                f"there is no picture to look for patches in: [dataset] mine = {mine!r} needs some, see holdout"
            )
        skipped = [(image.item.path, image.cause) for one in listed for image in one.skipped]
        _warn(work.progress, skipped, duplicates)
        _warn_of_lone_images(work.progress, records)
        _check_order(work.progress, records, config)
        pq.write_table(images_table(records), work.public("images.parquet"))
        with work.public("skipped.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("path", "cause"), *sorted([*skipped, *duplicates])])


def listing(work: Work, origin: Origin) -> Listing:
    """The pictures of one of the recipe's datasets, verified.

    Raises:
        DataError: it has none.
    """
    dataset = work.components.datasets[origin]
    prepared = prepared_folder(work.folder, origin)
    prepared.mkdir(exist_ok=True)
    dataset.prepare(prepared, seed=work.seed, progress=work.progress)
    source, config = dataset.open(prepared), dataset.config
    items = choose(source.scan(), config.labels, config.per_label, work.seed)
    if (hierarchy := work.components.dataset.config.hierarchy) is not None:
        items = with_ancestors(items, hierarchy)
    if not items:
        raise DataError(_nothing_found(source, config.labels, origin))
    return Listing(origin, source, config, list(verify(items, source, config.image_size, work.progress, origin)))


def divided(records: list[ImageRecord], source: ImageSource, config: DatasetConfig, seed: int) -> list[ImageRecord]:
    """One dataset's images: those that are held out, those for validation, and the parts of those to learn from.

    Raises:
        DataError: a part has no images.
    """
    if config.holdout == "annotated":
        records = place(records, annotated(records, source), "heldout")
    else:
        records = split(records, config.holdout, seed)
    records = set_aside(records, "train", config.validation, seed)
    if config.folds == 1:
        return records
    records = deal(records, config.folds, seed)
    filled = len({record.fold for record in records if record.split == "train"})
    if filled < config.folds:
        raise DataError(
            f"the images to learn from fill {filled} of [dataset] folds = {config.folds} parts; set folds lower"
        )
    return records


def trained_elsewhere(records: list[ImageRecord], training: Listing, progress: Progress) -> list[ImageRecord]:
    """The model learns from the images of ``[training]``; the others are held out.

    Raises:
        DataError: the two tables have no label in common.
    """
    learned = {image.digest for image in training.usable}
    records = place(records, {one.image_id for one in records if one.digest not in learned}, "heldout")
    known = {label for record in records if record.split == "train" for label in record.labels}
    unknown = {label for record in _of(records, "dataset") for label in record.labels} - known
    if unknown and not known & {label for record in _of(records, "dataset") for label in record.labels}:
        raise DataError(
            f"[training] and [dataset] have no label in common: {_some(known)} there, {_some(unknown)} here"
        )
    if unknown:
        progress.warn(f"no picture of [training] has the labels {_some(unknown)}, so the model learns nothing of them")
    if both := [record for record in records if record.split == "train" and record.origin == "dataset"]:
        progress.warn(
            f"{len(both)} pictures of [dataset] are in [training] too, such as {both[0].path}; the model learns from "
            "them, so their patches have no p-values"
        )
    return records


def _of(records: Iterable[ImageRecord], origin: Origin) -> list[ImageRecord]:
    return [record for record in records if record.origin == origin]


def verify(
    items: list[Item],
    source: ImageSource,
    image_size: int | None,
    progress: Progress,
    origin: Origin = "dataset",
) -> Iterator[Verified]:
    """Decode every item, in order, on all cores."""

    def verify_one(item: Item) -> Verified:
        try:
            data = source.read(item.path)
            width, height = pipeline_size(*open_upright(data).size, image_size)
        except PictureError as error:
            return Verified(item, origin, cause=str(error))
        except OSError as error:
            return Verified(item, origin, cause=f"cannot be read: {error.strerror or error}")
        return Verified(item, origin, hashlib.sha256(data).hexdigest(), width, height)

    progress.start(len(items), "pictures")
    for verified in in_threads(verify_one, items):
        yield verified
        progress.advance()


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
            origin=one.origin,
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


def _check_bad_fraction(listing: Listing) -> None:
    skipped, total, allowed = listing.skipped, len(listing.images), listing.config.max_bad_fraction
    if (skipped and len(skipped) == total) or len(skipped) > allowed * total:
        first = skipped[0]
        raise DataError(
            f"{len(skipped)} of {total} pictures cannot be used, more than max_bad_fraction = {allowed} allows; the "
            f"first: {first.item.path}: {first.cause}; mend them, leave them out, or raise [{listing.origin}] "
            "max_bad_fraction"
        )


def _warn(progress: Progress, skipped: list[tuple[str, str]], duplicates: list[tuple[str, str]]) -> None:
    if skipped:
        progress.warn(f"{len(skipped)} pictures were skipped; skipped.csv names each with its cause")
    if duplicates:
        progress.warn(f"{len(duplicates)} exact duplicates were merged; skipped.csv names them")


def _warn_of_lone_images(progress: Progress, records: Iterable[ImageRecord]) -> None:
    """With folds, the model that scores a label's only image has not learned the label."""
    counts: Counter[str] = Counter()
    for record in records:
        if record.fold is not None:
            counts.update(record.labels)
    if lone := {label for label, count in counts.items() if count == 1}:
        progress.warn(f"{_some(lone)}: the model that scores the only image to learn from does not know its label")


def _check_order(progress: Progress, records: Iterable[ImageRecord], config: DatasetConfig) -> None:
    """See that every label has its place in the order, before anything is learned."""
    axis = axis_of({label for record in records for label in record.labels}, config.order, config.neighbours)
    if axis and len(axis.labels) > 1 and axis.without_null:
        progress.warn(
            f"every other label is a neighbour of {_some(axis.without_null)}, so nothing is left to hold it against; "
            f"lower [dataset] neighbours = {config.neighbours}"
        )


def _some(labels: Collection[str]) -> str:
    names = sorted(labels)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _nothing_found(source: ImageSource, labels: tuple[str, ...] | None, origin: Origin) -> str:
    found = sorted({label for item in islice(source.scan(), 10_000) for label in item.labels})
    if labels is None or not found:
        return f"the dataset holds no labelled pictures; look at [{origin}] path and its layout"
    return f"no picture has one of the labels {', '.join(labels)}; found: {', '.join(found[:20])}"
