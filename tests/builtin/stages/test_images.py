"""Drawing, verifying, merging and splitting pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffmine.builtin.datasets.folder import Folder
from diffmine.builtin.stages.images import Verified, merge_duplicates, verify
from diffmine.builtin.stages.splitting import split
from diffmine.interfaces import Progress
from diffmine.numerics.choosing import choose
from diffmine.runs.records import Records
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.types import ImageRecord, Item

LABELS = st.sampled_from("abc")
SINGLE = st.lists(LABELS, max_size=40).map(lambda labels: [Item(f"{n}.png", (x,)) for n, x in enumerate(labels)])
MULTI = st.lists(st.lists(LABELS, min_size=1, max_size=3, unique=True), max_size=40).map(
    lambda rows: [Item(f"{n}.png", tuple(row)) for n, row in enumerate(rows)]
)
SEEDS = st.integers(0, 5)


def counts(items: list[Item]) -> Counter[str]:
    return Counter(label for item in items for label in item.labels)


@given(MULTI, st.one_of(st.none(), st.integers(1, 8)), SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(
    items: list[Item], per_label: int | None, seed: int, random: object
) -> None:
    shuffled = items.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, None, per_label, seed) == choose(items, None, per_label, seed)


@given(SINGLE, st.integers(1, 8), SEEDS)
def test_as_many_as_asked_of_each_label_and_no_more(items: list[Item], per_label: int, seed: int) -> None:
    available = counts(items)
    drawn = counts(choose(items, None, per_label, seed))
    assert drawn == Counter({label: min(count, per_label) for label, count in available.items()})


@given(MULTI, st.integers(1, 8), SEEDS)
def test_no_label_of_several_goes_short(items: list[Item], per_label: int, seed: int) -> None:
    available, drawn = counts(items), counts(choose(items, None, per_label, seed))
    assert all(drawn[label] >= min(count, per_label) for label, count in available.items())


@given(MULTI, st.integers(1, 8), SEEDS)
def test_fewer_are_a_part_of_more(items: list[Item], per_label: int, seed: int) -> None:
    fewer, more = (choose(items, None, count, seed) for count in (per_label, per_label + 1))
    assert {item.path for item in fewer} <= {item.path for item in more}


@given(SINGLE, st.integers(1, 8), SEEDS)
def test_a_label_is_drawn_alike_whatever_else_there_is(items: list[Item], per_label: int, seed: int) -> None:
    alone = choose(items, ("a",), per_label, seed)
    assert [item for item in choose(items, None, per_label, seed) if item.labels == ("a",)] == alone


def test_only_the_labels_asked_for_are_kept() -> None:
    items = [Item("1", ("a", "b", "c")), Item("2", ("b",)), Item("3", ("c", "a"))]
    assert [(item.path, item.labels) for item in choose(items, ("a", "c"), None, 0)] == [
        ("1", ("a", "c")),
        ("3", ("c", "a")),
    ]


def test_the_seed_decides_the_draw() -> None:
    items = [Item(f"{n}.png", ("a",)) for n in range(50)]
    draws = [tuple(item.path for item in choose(items, None, 10, seed)) for seed in range(5)]
    assert len(set(draws)) == 5
    drawn = Counter(path for seed in range(200) for path in (item.path for item in choose(items, None, 10, seed)))
    assert len(drawn) == 50
    assert min(drawn.values()) > 15
    assert max(drawn.values()) < 70


def test_verifying_tells_sizes_digests_and_causes_in_order(tmp_path: Path) -> None:
    root = write_toy_folder(tmp_path / "toy", per_label=300, labels=("a",), size=16)
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(root / "a" / "wide.png")
    (root / "a" / "bad.png").write_bytes(b"no picture")
    (root / "a" / "gone.png").symlink_to("nowhere")
    source = Folder(Folder.Config(path=root)).open(tmp_path)
    items = choose(source.scan(), None, None, 0)
    verified = list(verify(items, source, 64, Progress()))
    assert [one.item for one in verified] == items
    causes = {one.item.path: one.cause for one in verified if one.cause}
    assert causes.keys() == {"a/bad.png", "a/gone.png"}
    assert causes["a/bad.png"].startswith("not a picture")
    assert causes["a/gone.png"] == "cannot be read: No such file or directory"
    for one in verified:
        if not one.cause:
            assert one.digest == hashlib.sha256((root / one.item.path).read_bytes()).hexdigest()
            assert (one.width, one.height) == ((128, 64) if "wide" in one.item.path else (64, 64))


@given(st.lists(st.tuples(st.sampled_from("xyz"), LABELS), max_size=12))
def test_copies_become_one_record_with_all_their_labels(copies: list[tuple[str, str]]) -> None:
    verified = [
        Verified(Item(f"{label}/{n}.png", (label,)), digest=hashlib.sha256(content.encode()).hexdigest())
        for n, (content, label) in enumerate(copies)
    ]
    records, duplicates = merge_duplicates(Records.of(one.record for one in verified))
    assert len(records) + len(duplicates) == len(verified)
    assert [record.image_id for record in records] == sorted({one.digest[:20] for one in verified})
    for record in records:
        same = [one for one in verified if one.digest == record.digest]
        assert record.path == same[0].item.path
        assert set(record.labels) == {label for one in same for label in one.item.labels}
        told = [path for path, cause in duplicates if cause == f"duplicate of {record.path}"]
        assert told == [one.item.path for one in same[1:]]


def records(labels: list[str]) -> list[ImageRecord]:
    digests = [hashlib.sha256(f"{n}".encode()).hexdigest() for n in range(len(labels))]
    return [
        ImageRecord(digest[:20], f"{digest}.png", (label,), 8, 8, digest, "train")
        for digest, label in zip(digests, labels, strict=True)
    ]


def heldout(split_records: list[ImageRecord]) -> set[str]:
    return {record.image_id for record in split_records if record.split == "heldout"}


RECORDS = st.lists(LABELS, max_size=40).map(records)
SHARES = st.floats(0, 0.99)


@given(RECORDS, SHARES, SEEDS)
def test_the_share_is_held_out_of_each_label(before: list[ImageRecord], share: float, seed: int) -> None:
    after = split(before, share, seed)
    assert [record.image_id for record in after] == [record.image_id for record in before]
    for label in "abc":
        places = [record.split for record in after if record.labels == (label,)]
        assert abs(places.count("heldout") - share * len(places)) <= 1
        assert not places or "train" in places, "a label is never without training images"


@given(RECORDS, SHARES, SHARES, SEEDS)
def test_a_larger_share_holds_out_the_same_and_more(
    before: list[ImageRecord], share: float, other: float, seed: int
) -> None:
    smaller, larger = sorted((share, other))
    assert heldout(split(before, smaller, seed)) <= heldout(split(before, larger, seed))


@given(RECORDS, SHARES, SEEDS)
def test_the_split_of_a_label_depends_on_its_images_alone(before: list[ImageRecord], share: float, seed: int) -> None:
    alone = [record for record in before if record.labels == ("a",)]
    together = heldout(split(before[::-1], share, seed))
    assert heldout(split(alone, share, seed)) == together & {record.image_id for record in alone}


@pytest.mark.parametrize(
    ("images", "share", "expected"), [(1, 0.9, 0), (2, 0.5, 1), (10, 0.1, 1), (10, 0, 0), (200, 0.1, 20)]
)
def test_how_many_are_held_out(images: int, share: float, expected: int) -> None:
    assert len(heldout(split(records(["a"] * images), share, 0))) == expected
