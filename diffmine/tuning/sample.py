"""The pictures that settings are chosen on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from diffmine.diffusion import LossScorer, other_labels
from diffmine.errors import DataError
from diffmine.numerics.seeding import derive_seed
from diffmine.types import ImageRecord

LEAST = 12
"""Pictures below which nothing can be told apart."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A picture that the model has not learned from, and a label that it does not carry.

    Attributes:
        record: the picture; its first label is the one that counts.
        wrong: a label that it does not carry.
        labels: those to denoise it under, the two among them.
    """

    record: ImageRecord
    wrong: str
    labels: tuple[str, ...]

    @property
    def pair(self) -> tuple[str, str]:
        """Its own label and the wrong one."""
        return self.record.labels[0], self.wrong


def sample(records: Sequence[ImageRecord], scorer: LossScorer, count: int, seed: int) -> list[Sampled]:
    """Pictures that the model has not learned from, as many of each label as there are.

    Where pictures are set aside to choose settings on (``split = "validation"``), they are taken before others.

    Args:
        records: every picture of a run.
        scorer: says which labels are no evidence of each other.
        count: at most this many.
        seed: the run's seed.
    Raises:
        DataError: there are too few such pictures, or no wrong labels.
    """
    labels = sorted({label for record in records for label in record.labels})
    unseen = [record for record in records if not record.in_sample]
    usable = [record for record in unseen if record.split == "validation"]
    if len(usable) < LEAST:
        usable = unseen
    found = [one for record in _evenly(usable, seed) if (one := _sampled(record, scorer, labels, seed))][:count]
    if len(usable) < LEAST:
        raise DataError(_too_few(len(usable)))
    if len(found) < LEAST:
        raise DataError(
            f"only {len(found)} pictures can be held against a wrong label, and tuning needs {LEAST}: a label is wrong "
            "for a picture that neither carries it nor is near to it; give the recipe two labels or more"
        )
    return sorted(found, key=lambda one: one.record.image_id)


def _evenly(records: Sequence[ImageRecord], seed: int) -> list[ImageRecord]:
    """In an order whose every beginning has the labels about equally often."""
    by_label: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: derive_seed(seed, "tuning", record.image_id)):
        by_label[record.labels[0]].append(record)
    rounds = zip_longest(*(by_label[label] for label in sorted(by_label)))
    return [record for one_of_each in rounds for record in one_of_each if record is not None]


def _sampled(record: ImageRecord, scorer: LossScorer, labels: Sequence[str], seed: int) -> Sampled | None:
    null = [label for label in labels if scorer.role(record, label) == "null"]
    wrong = other_labels(record, null, 1, seed)
    if not wrong:
        return None
    wanted = dict.fromkeys((record.labels[0], *scorer.labels_to_score(record, labels, seed), *wrong))
    return Sampled(record, wrong[0], tuple(wanted))


def _too_few(count: int) -> str:
    return (
        f"{count or 'no'} pictures are unseen by the model that scores them, and tuning needs {LEAST}: what a model "
        "says of pictures that it has learned from proves nothing; keep some back with [dataset] holdout = 0.12, or "
        "have every picture scored by a model that has not seen it with [dataset] folds = 3"
    )
