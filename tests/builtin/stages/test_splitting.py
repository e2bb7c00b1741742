"""Dealing pictures into folds, and drawing those that are mined."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.builtin.stages.splitting import Mine, choose_mined, deal, set_aside, split
from diffmine.types import ImageRecord


def records(rows: list[list[str]]) -> list[ImageRecord]:
    digests = [hashlib.sha256(f"{n}".encode()).hexdigest() for n in range(len(rows))]
    return [
        ImageRecord(digest[:20], f"{digest}.png", tuple(labels), 8, 8, digest, "train")
        for digest, labels in zip(digests, rows, strict=True)
    ]


MULTI = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True), max_size=40).map(records)
SHARES = st.floats(0, 0.9)
SEEDS = st.integers(0, 5)
FOLDS = st.integers(2, 6)


def folds(dealt: list[ImageRecord]) -> dict[str, int | None]:
    return {record.image_id: record.fold for record in dealt}


@given(MULTI, SHARES, FOLDS, SEEDS)
def test_the_training_pictures_of_each_label_are_dealt_evenly(
    before: list[ImageRecord], holdout: float, count: int, seed: int
) -> None:
    dealt = deal(split(before, holdout, seed), count, seed)
    assert [record.image_id for record in dealt] == [record.image_id for record in before]
    assert all((record.fold is None) == (record.split != "train") for record in dealt)
    assert not any(record.in_sample for record in dealt)
    for label in "abc":
        sizes = Counter(one.fold for one in dealt if one.labels[0] == label and one.fold is not None)
        assert set(sizes) <= set(range(count))
        if sizes:
            assert max(sizes.values()) - min(sizes.get(fold, 0) for fold in range(count)) <= 1


@given(MULTI, FOLDS, SEEDS)
def test_the_parts_of_a_label_depend_on_its_pictures_alone_and_on_no_order(
    before: list[ImageRecord], count: int, seed: int
) -> None:
    together = folds(deal(before[::-1], count, seed))
    alone = folds(deal([record for record in before if record.labels[0] == "a"], count, seed))
    assert alone == {image_id: together[image_id] for image_id in alone}


def test_the_seed_deals_otherwise() -> None:
    before = records([["a"]] * 40)
    assert len({tuple(folds(deal(before, 2, seed)).values()) for seed in range(5)}) == 5


@given(MULTI, SHARES, SHARES, SEEDS)
def test_setting_aside_takes_its_share_of_what_remains_and_nothing_of_what_is_held_out(
    before: list[ImageRecord], holdout: float, share: float, seed: int
) -> None:
    held = split(before, holdout, seed)
    after = set_aside(held, "train", share, seed)
    for old, new in zip(held, after, strict=True):
        assert new.split == old.split or (old.split, new.split) == ("train", "validation")
    for label in "abc":
        splits = [
            new.split for old, new in zip(held, after, strict=True) if old.labels[0] == label and old.split == "train"
        ]
        assert abs(splits.count("validation") - share * len(splits)) <= 1
        assert not splits or "train" in splits


@given(MULTI, st.sampled_from(["train", "heldout", "all"]), st.integers(1, 8), SEEDS)
def test_as_many_are_mined_of_each_label_as_there_are_or_as_asked(
    before: list[ImageRecord], mine: Mine, per_label: int, seed: int
) -> None:
    divided = set_aside(split(before, 0.3, seed), "train", 0.2, seed)
    everything, some = (choose_mined(divided, mine, count, seed) for count in (None, per_label))
    splits = {"train", "heldout"} if mine == "all" else {mine}
    assert all(record.mined == (record.split in splits) for record in everything)
    mined = {record.image_id for record in some if record.mined}
    assert mined <= {record.image_id for record in everything if record.mined}
    for label in "abc":
        available = sum(record.mined for record in everything if label in record.labels)
        assert sum(record.mined for record in some if label in record.labels) >= min(per_label, available)
    assert len(mined) <= 3 * per_label
    more = {record.image_id for record in choose_mined(divided, mine, per_label + 1, seed) if record.mined}
    assert mined <= more


@pytest.mark.parametrize("mine", ["train", "heldout", "all"])
def test_pictures_that_are_only_learned_from_are_never_mined(mine: Mine) -> None:
    (record,) = records([["a"]])
    elsewhere = ImageRecord("x", "x", ("a",), 8, 8, "x", "train", origin="training")
    assert [one.mined for one in choose_mined([record, elsewhere], mine, None, 0)] == [mine != "heldout", False]
