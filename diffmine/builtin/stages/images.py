"""Stage ``images``: list, draw, verify and split the pictures."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diffmine.builtin.stages.splitting import choose_mined, deal, draws, place, set_aside, split
from diffmine.errors import DataError, PictureError
from diffmine.files.names import prepared_folder
from diffmine.interfaces import DatasetConfig, ImageSource, Progress, Stage, Work
from diffmine.numerics.choosing import Items, choose
from diffmine.pictures.decoding import open_upright, pipeline_size
from diffmine.processes.threads import in_threads
from diffmine.runs.axis import axis_of
from diffmine.runs.hierarchy import with_ancestors
from diffmine.runs.records import Records, sorted_ids, write_records
from diffmine.types import BoolArray, ImageRecord, Item, Origin

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

    @property
    def record(self) -> ImageRecord:
        """What can be decoded, as an image to learn from."""
        item, place = self.item, (self.digest[:ID_LENGTH], self.item.path, self.item.labels, self.width, self.height)
        return ImageRecord(*place, self.digest, "train", item.columns, origin=self.origin)


@dataclass(frozen=True, slots=True)
class Listing:
    """What one of the recipe's datasets holds.

    Attributes:
        origin: the recipe's table.
        source: the opened dataset.
        config: its options.
        usable: what can be decoded, copies and all.
        skipped: path and cause of what cannot.
    """

    origin: Origin
    source: ImageSource
    config: DatasetConfig
    usable: Records
    skipped: Sequence[tuple[str, str]]


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
        records, duplicates = merge_duplicates(joined(one.usable for one in listed))
        config, training = work.components.dataset.config, work.components.training
        if config.shuffle_labels:
            shuffled = joined(shuffle_labels(_of(records, origin), work.seed) for origin in ORIGINS)
            records = Records(shuffled.table.sort_by("image_id"))
        if training is None:
            records = divided(records, listed[0].source, config, work.seed)
        else:
            records = trained_elsewhere(records, listed[1], work.progress)
            records = set_aside(records, "heldout", config.validation, work.seed)
        mine = config.mine if training is None else "all"
        records = choose_mined(records, mine, config.mine_per_label, work.seed)
        if not records.mined.any():
            raise DataError(
                f"there is no picture to look for patches in: [dataset] mine = {mine!r} needs some, see holdout"
            )
        skipped = [one for listing in listed for one in listing.skipped]
        _warn(work.progress, skipped, duplicates)
        _warn_of_lone_images(work.progress, records)
        _check_order(work.progress, records.labels, config)
        write_records(records, work.public("images.parquet"))
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
        items = Items.of(with_ancestors(items, hierarchy))
    if not items:
        raise DataError(_nothing_found(source, config.labels, origin))
    skipped: list[tuple[str, str]] = []

    def usable() -> Iterator[ImageRecord]:
        for one in verify(items, source, config.image_size, work.progress, origin):
            if one.cause:
                skipped.append((one.item.path, one.cause))
            else:
                yield one.record

    return Listing(origin, source, config, Records.of(usable()), skipped)


def divided(records: Records, source: ImageSource, config: DatasetConfig, seed: int) -> Records:
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
    filled = len(np.unique(records.folds[records.in_split("train")]))
    if filled < config.folds:
        raise DataError(
            f"the images to learn from fill {filled} of [dataset] folds = {config.folds} parts; set folds lower"
        )
    return records


def trained_elsewhere(records: Records, training: Listing, progress: Progress) -> Records:
    """The model learns from the images of ``[training]``; the others are held out.

    Raises:
        DataError: the two tables have no label in common.
    """
    learned = np.asarray(pc.is_in(records.table["digest"], training.usable.table["digest"]), dtype=bool)
    records = place(records, ~learned, "heldout")
    known = {*records.where(learned).labels}
    mined = {*_of(records, "dataset").labels}
    unknown = mined - known
    if unknown and not known & mined:
        raise DataError(
            f"[training] and [dataset] have no label in common: {_some(known)} there, {_some(unknown)} here"
        )
    if unknown:
        progress.warn(f"no picture of [training] has the labels {_some(unknown)}, so the model learns nothing of them")
    if len(both := np.flatnonzero(learned & records.of_origin("dataset"))):
        progress.warn(
            f"{len(both)} pictures of [dataset] are in [training] too, such as {records[both[0]].path}; the model "
            "learns from them, so their patches have no p-values"
        )
    return records


def joined(parts: Iterable[Records]) -> Records:
    """Records after records."""
    return Records(pa.concat_tables([one.table for one in parts]))


def _of(records: Records, origin: Origin) -> Records:
    return records.where(records.of_origin(origin))


def verify(
    items: Sequence[Item],
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


def merge_duplicates(found: Records) -> tuple[Records, list[tuple[str, str]]]:
    """One record for each distinct content, carrying the labels of all its copies; and what was merged."""
    ids, order = sorted_ids(found.table["digest"])
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = ids[1:] != ids[:-1]
    firsts, of_first = order[is_first], np.cumsum(is_first) - 1
    labels: dict[int, dict[str, None]] = {}
    duplicates = []
    for row in np.flatnonzero(~is_first).tolist():
        number, copy = int(of_first[row]), found[order[row]]
        original = found[firsts[number]]
        labels.setdefault(number, dict.fromkeys(original.labels)).update(dict.fromkeys(copy.labels))
        duplicates.append((int(order[row]), copy.path, f"duplicate of {original.path}"))
    records = found.take(firsts)
    if labels:
        merged = [tuple(labels[row]) if row in labels else record.labels for row, record in enumerate(records)]
        records = records.with_columns(labels=merged)
    return records, [(path, cause) for _, path, cause in sorted(duplicates)]


def shuffle_labels(records: Iterable[ImageRecord], seed: int) -> Records:
    """Give each image the labels of another, drawn by the seed and the images' content; counts stay as they were.

    The columns go with the labels, as they may describe them.
    """
    records = Records.of(records)
    drawn = records.table.take(np.argsort(draws(records, seed, "shuffle labels"), kind="stable"))
    by_id = Records(records.table.sort_by("image_id"))
    return by_id.with_columns(**{name: drawn[name] for name in ("label", "labels", "columns")})


def annotated(records: Records, source: ImageSource) -> BoolArray:
    """Which images have a mask or a box, bool, (records,).

    Raises:
        DataError: all have one, so that none would be left to train on, or none has.
    """
    marked = (any(mask.any() for mask in source.masks(record).values()) for record in records)
    found = np.fromiter(marked, dtype=bool, count=len(records))
    if not 0 < found.sum() < len(records):
        raise DataError(
            f"{found.sum()} of {len(records)} images have a mask or a box; [dataset] holdout = 'annotated' needs some "
            "with and some without; name a share such as 0.1 instead"
        )
    return found


def _check_bad_fraction(listing: Listing) -> None:
    skipped, allowed = listing.skipped, listing.config.max_bad_fraction
    total = len(skipped) + len(listing.usable)
    if (skipped and len(skipped) == total) or len(skipped) > allowed * total:
        path, cause = skipped[0]
        raise DataError(
            f"{len(skipped)} of {total} pictures cannot be used, more than max_bad_fraction = {allowed} allows; the "
            f"first: {path}: {cause}; mend them, leave them out, or raise [{listing.origin}] "
            "max_bad_fraction"
        )


def _warn(progress: Progress, skipped: list[tuple[str, str]], duplicates: list[tuple[str, str]]) -> None:
    if skipped:
        progress.warn(f"{len(skipped)} pictures were skipped; skipped.csv names each with its cause")
    if duplicates:
        progress.warn(f"{len(duplicates)} exact duplicates were merged; skipped.csv names them")


def _warn_of_lone_images(progress: Progress, records: Records) -> None:
    """With folds, the model that scores a label's only image has not learned the label."""
    counts = records.counts(records.folds >= 0)
    if lone := {label for label, count in counts.items() if count == 1}:
        progress.warn(f"{_some(lone)}: the model that scores the only image to learn from does not know its label")


def _check_order(progress: Progress, labels: Collection[str], config: DatasetConfig) -> None:
    """See that every label has its place in the order, before anything is learned."""
    axis = axis_of(labels, config.order, config.neighbours)
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
