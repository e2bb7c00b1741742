"""The control with shuffled labels."""

from __future__ import annotations

from collections import Counter

from diffmine.builtin.datasets.folder import Folder
from diffmine.builtin.stages.images import shuffle_labels
from diffmine.types import ImageRecord


def records(count: int = 60) -> list[ImageRecord]:
    return [
        ImageRecord(f"{n:020d}", f"{n}.png", (f"label{n % 3}",), 8, 8, f"{n:064d}", "train", {"of": f"label{n % 3}"})
        for n in range(count)
    ]


def test_every_label_keeps_its_count_and_its_columns() -> None:
    before, after = records(), shuffle_labels(records(), seed=1)
    assert Counter(one.labels for one in after) == Counter(one.labels for one in before)
    assert [one.image_id for one in after] == [one.image_id for one in before]
    assert all(one.columns["of"] == one.labels[0] for one in after)


def test_labels_no_longer_tell_the_pictures_own() -> None:
    kept = sum(a.labels == b.labels for a, b in zip(records(), shuffle_labels(records(), seed=1), strict=True))
    assert 8 <= kept <= 32, "about a third of 60 keep theirs by chance"


def test_the_deal_depends_on_the_seed_and_not_on_the_order() -> None:
    dealt = shuffle_labels(records(), seed=1)
    assert shuffle_labels(records()[::-1], seed=1) == dealt
    assert shuffle_labels(records(), seed=2) != dealt


def test_a_shuffled_dataset_has_another_identity() -> None:
    plain, shuffled = ({"path": ".", "shuffle_labels": one} for one in (False, True))
    identities = [Folder(Folder.Config.model_validate(options)).identity() for options in (plain, shuffled)]
    assert identities[0]["options"] != identities[1]["options"]
