"""Which pictures settings are chosen on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from diffmine.builtin.scorers.contrast import Contrast
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.errors import DataError
from diffmine.tuning.sample import sample
from diffmine.types import ImageRecord, Split

SCORER = Diffusion(Diffusion.Config())


def records(
    count: int, split: Split = "heldout", labels: tuple[str, ...] = ("a", "b", "c"), start: int = 0
) -> list[ImageRecord]:
    return [
        ImageRecord(f"{n:020x}", f"{n}.png", (labels[n % len(labels)],), 32, 32, f"{n:064x}", split)
        for n in range(start, start + count)
    ]


def test_no_picture_that_the_model_has_learned_from() -> None:
    seen = records(60, "train")
    with pytest.raises(DataError, match=r"no pictures are unseen.*holdout = 0\.12.*folds = 3"):
        sample(seen, SCORER, 84, 1)
    folded = [replace(record, fold=n % 3) for n, record in enumerate(seen)]
    assert len(sample(folded, SCORER, 84, 1)) == 60
    assert not {one.record.split for one in sample(seen + records(20, start=100), SCORER, 84, 1)} - {"heldout"}


def test_pictures_set_aside_for_choosing_come_first() -> None:
    both = records(30) + records(30, "validation", start=100)
    assert {one.record.split for one in sample(both, SCORER, 84, 1)} == {"validation"}


def test_a_part_holds_every_label_as_often() -> None:
    found = sample(records(300), SCORER, 30, 1)
    assert Counter(one.record.labels[0] for one in found) == {"a": 10, "b": 10, "c": 10}


def test_every_picture_has_a_wrong_label_and_contrast_its_siblings() -> None:
    for scorer in (SCORER, Contrast(Contrast.Config())):
        for one in sample(records(30), scorer, 84, 1):
            assert one.wrong not in one.record.labels
            assert set(one.pair) <= set(one.labels)
            assert len(set(one.labels)) == len(one.labels)
    assert {len(one.labels) for one in sample(records(30), Contrast(Contrast.Config()), 84, 1)} == {3}


def test_a_single_label_has_nothing_to_be_held_against() -> None:
    with pytest.raises(DataError, match="two labels or more"):
        sample(records(30, labels=("a",)), SCORER, 84, 1)
