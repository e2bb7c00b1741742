"""Places against literal definitions."""

from __future__ import annotations

import numpy as np
import pytest
from diffmine_translate.places import OUTCOMES, at_box, co_typicality, outcomes, places, thresholds
from diffmine_translate.sources import chosen_sources, in_shards

from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.upsampling import upsample
from diffmine.types import ImageRecord

STRIDE, HEIGHT, WIDTH, SIZE = 4, 30, 41, 9


def maps(labels: int, seed: int = 0) -> np.ndarray:
    return numpy_generator("maps", seed).normal(size=(labels, 8, 11)).astype(np.float32)


@pytest.mark.parametrize("labels", [2, 3, 6])
def test_co_typicality_is_the_median_over_labels_of_patch_means(labels: int) -> None:
    after = maps(labels)
    found = co_typicality(after, STRIDE, HEIGHT, WIDTH, SIZE)
    assert found.shape == (HEIGHT - SIZE + 1, WIDTH - SIZE + 1)
    images = [upsample(one, STRIDE, HEIGHT, WIDTH).astype(np.float64) for one in after]
    for y, x in [(0, 0), (7, 20), (HEIGHT - SIZE, WIDTH - SIZE)]:
        means = sorted(image[y : y + SIZE, x : x + SIZE].mean() for image in images)
        middle = (means[(labels - 1) // 2] + means[labels // 2]) / 2
        assert found[y, x] == pytest.approx(middle, abs=1e-5)


def test_one_label_can_neither_make_nor_spoil_a_place() -> None:
    after = maps(5)
    calm = co_typicality(after, STRIDE, HEIGHT, WIDTH, SIZE)
    alone = [co_typicality(after[[row]], STRIDE, HEIGHT, WIDTH, SIZE) for row in range(5)]
    lowest, highest = np.min(alone, axis=0), np.max(alone, axis=0)
    for value in (-1000.0, 1000.0):
        wild = after.copy()
        wild[2] = value
        found = co_typicality(wild, STRIDE, HEIGHT, WIDTH, SIZE)
        assert (lowest - 1e-9 <= found).all()
        assert (found <= highest + 1e-9).all()
        assert ((found >= calm - 1e-9) if value > 0 else (found <= calm + 1e-9)).all()


def test_places_do_not_overlap_and_the_best_is_the_best_of_all() -> None:
    after = maps(3)
    found = places(after, STRIDE, HEIGHT, WIDTH, SIZE, 5)
    stack = co_typicality(after, STRIDE, HEIGHT, WIDTH, SIZE)
    assert found[0][1] == stack.max()
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
    covered = np.zeros((HEIGHT, WIDTH), int)
    for box, value in found:
        covered[box.slices()] += 1
        assert value == stack[box.y0, box.x0]
        assert np.median(at_box(after, box, STRIDE, HEIGHT, WIDTH)) == pytest.approx(value, abs=1e-5)
    assert covered.max() == 1
    assert places(after, STRIDE, HEIGHT, WIDTH, HEIGHT + 1, 5) == []


def test_what_shows_a_label_is_above_all_but_a_share_of_wrong_places() -> None:
    before = np.stack([np.arange(100.0), np.arange(100.0)], axis=1)
    wrong = np.ones((100, 2), bool)
    wrong[:, 1] = False
    shows = thresholds(before, wrong, 0.05)
    assert (before[:, 0] > shows[0]).mean() <= 0.05
    assert (before[:, 0] > shows[0] - 1.5).mean() > 0.05
    assert shows[1] == np.inf, "nothing is known of chance under a label that all pictures carry"


def test_every_place_has_one_outcome() -> None:
    cases = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], bool)
    found = outcomes(*cases.T)
    assert dict(zip(map(tuple, cases.astype(int).tolist()), found, strict=True)) == {
        (1, 0, 0): "lost", (1, 0, 1): "changed", (1, 1, 0): "kept", (1, 1, 1): "kept",
        (0, 0, 0): "absent", (0, 0, 1): "gained", (0, 1, 0): "absent", (0, 1, 1): "gained",
    }  # fmt: skip
    assert set(found) == set(OUTCOMES)


def record(name: str, *labels: str, fold: int | None = None) -> ImageRecord:
    return ImageRecord(name, name, labels, 8, 8, name, "train", fold=fold)


def test_pictures_with_a_labels_best_patches_go_to_all_labels_that_they_do_not_carry() -> None:
    records = {one.image_id: one for one in (record("x", "a"), record("y", "a", "b"), record("z", "c"))}
    patches = [
        {"image_id": "y", "label": "a", "rank": 1}, {"image_id": "x", "label": "a", "rank": 2},
        {"image_id": "y", "label": "a", "rank": 0}, {"image_id": "y", "label": "b", "rank": 0},
        {"image_id": "z", "label": "c", "rank": 0},
    ]  # fmt: skip
    found = chosen_sources(patches, records, ("a", "b", "c"), 1)
    assert [(one.record.image_id, one.label, one.targets) for one in found] == [
        ("y", "a", ("c",)), ("y", "b", ("c",)), ("z", "c", ("a", "b")),
    ]  # fmt: skip
    two = chosen_sources(patches, records, ("a", "b", "c"), 2)
    assert [one.record.image_id for one in two if one.label == "a"] == ["y", "x"]


def test_a_shard_is_for_one_model() -> None:
    records = {str(number): record(str(number), "a", fold=number % 2) for number in range(20)}
    patches = [{"image_id": name, "label": "a", "rank": int(name)} for name in records]
    shards = in_shards(chosen_sources(patches, records, ("a", "b"), 20))
    assert all(len({one.record.fold for one in shard}) == 1 for shard in shards)
    assert sorted(one.record.image_id for shard in shards for one in shard) == sorted(records)
