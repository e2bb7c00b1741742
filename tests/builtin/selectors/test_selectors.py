"""Patch selection against a literal greedy search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmine.builtin.selectors.least import Least
from diffmine.builtin.selectors.random import Random
from diffmine.builtin.selectors.top import Top
from diffmine.errors import DataError
from diffmine.interfaces import PatchSelector
from diffmine.numerics.upsampling import upsample
from diffmine.numerics.windows import choose_windows
from diffmine.types import Box, Candidate, ImageRecord, TypicalityMap


def literal_greedy(merits: list[np.ndarray], sizes: list[int], count: int, distance: int) -> list[Box]:
    """All windows sorted once; each is taken if it keeps its distance from every one taken before."""
    windows = [
        (-merit[y, x], index, y, x, Box(y, x, y + size, x + size))
        for index, (merit, size) in enumerate(zip(merits, sizes, strict=True))
        for y in range(merit.shape[0])
        for x in range(merit.shape[1])
        if merit[y, x] > -np.inf
    ]
    taken: list[Box] = []
    for *_, box in sorted(windows):
        if len(taken) < count and all(apart(box, other, distance) for other in taken):
            taken.append(box)
    return taken


def apart(one: Box, other: Box, distance: int) -> bool:
    gap_y = max(one.y0, other.y0) - min(one.y1, other.y1)
    gap_x = max(one.x0, other.x0) - min(one.x1, other.x1)
    return gap_y >= distance or gap_x >= distance


@settings(max_examples=150)
@given(st.data())
def test_equals_a_literal_greedy_search(data: st.DataObject) -> None:
    height, width = data.draw(st.tuples(st.integers(4, 20), st.integers(4, 20)))
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    merits = [
        rng.integers(-5, 6, (max(0, height - size + 1), max(0, width - size + 1))).astype(float) for size in sizes
    ]
    merits[0][rng.random(merits[0].shape) < 0.2] = -np.inf
    count, distance = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 3))
    expected = literal_greedy(merits, sizes, count, distance)
    assert [box for _, box, _ in choose_windows([merit.copy() for merit in merits], sizes, count, distance)] == expected


RECORD = ImageRecord("id", "p.png", ("a",), 40, 32, "digest", "train")


def select(selector: PatchSelector, mean: np.ndarray, pixels: np.ndarray | None = None) -> list[Candidate]:
    typicality = TypicalityMap("id", "a", mean.astype(np.float32), np.full(mean.shape, 0.5, np.float32), 10)

    def open_pixels() -> np.ndarray:
        assert pixels is not None, "the picture was opened without need"
        return pixels

    return selector.select(typicality, RECORD, open_pixels, stride=4, seed=0)


MEAN = np.random.default_rng(3).normal(size=(8, 10))


@pytest.mark.parametrize(("selector", "sign"), [(Top, 1), (Least, -1)])
def test_best_first_and_true_means(selector: type[PatchSelector], sign: int) -> None:
    config = selector.Config(size=8, per_image=4)
    found = select(selector(config), MEAN)
    image = upsample(MEAN.astype(np.float32), 4, 32, 40)
    assert len(found) == 4
    for one in found:
        assert one.typicality == pytest.approx(image[one.box.slices()].mean(), abs=1e-5)
        assert one.stderr == pytest.approx(0.5, abs=1e-6), "nobody says how the errors hang together"
    assert [one.priority for one in found] == sorted(one.priority for one in found)
    assert sign * found[0].typicality == max(sign * one.typicality for one in found)


def spots(**peaks: tuple[int, int]) -> np.ndarray:
    """A map on MEAN's grid: 0, and 1, 2, ... on 2 x 2 cells at (y, x), in the order given."""
    values = np.zeros(MEAN.shape, np.float32)
    for height, (y, x) in enumerate(peaks.values(), start=1):
        values[y : y + 2, x : x + 2] = height
    return values


def placed(config: Top.Config, mean: np.ndarray, influence: np.ndarray | None) -> list[Candidate]:
    typicality = TypicalityMap("id", "a", mean.astype(np.float32), influence=influence)
    return Top(config).select(typicality, RECORD, lambda: np.zeros((32, 40, 3), np.uint8), stride=4, seed=0)


def test_the_mix_places_and_typicality_judges() -> None:
    """The label changes most at one place, and there speaks against the picture; a little at another, and fits."""
    influence = spots(little=(1, 1), much=(5, 7))
    mean = influence.copy()
    mean[5:7, 7:9] = -1
    found = placed(Top.Config(size=8, per_image=2, place="mix"), mean, influence)
    assert [(one.box.y0, one.box.x0) for one in found] == [(4, 4), (20, 28)], "by typicality, not in order of placing"
    image = upsample(mean, 4, 32, 40)
    assert [one.typicality for one in found] == pytest.approx([image[one.box.slices()].mean() for one in found])
    assert found[0].typicality > 0 > found[1].typicality
    assert [one.priority for one in found] == pytest.approx([-one.typicality for one in found])
    one = placed(Top.Config(size=8, per_image=1, place="mix"), mean, influence)
    assert (one[0].box.y0, one[0].box.x0) == (20, 28), "the mix decides which places are taken"


def test_the_mix_at_weight_1_is_typicality() -> None:
    influence = np.abs(np.random.default_rng(4).normal(size=MEAN.shape)).astype(np.float32)
    plain = placed(Top.Config(size=8), MEAN, influence)
    mixed = placed(Top.Config(size=8, place="mix", agreement_weight=1), MEAN, influence)
    assert [one.box for one in mixed] == [one.box for one in plain]
    assert plain != placed(Top.Config(size=8, place="mix"), MEAN, influence)


def test_controls_lie_where_they_lie_without_the_mix() -> None:
    influence = np.abs(np.random.default_rng(4).normal(size=MEAN.shape)).astype(np.float32)
    typicality = TypicalityMap("id", "a", MEAN.astype(np.float32), influence=influence)
    plain, mixed = (
        [one.select(typicality, RECORD, lambda: np.zeros(0, np.uint8), stride=4, seed=0) for one in top.controls()]
        for top in (Top(Top.Config(size=8)), Top(Top.Config(size=8, place="mix")))
    )
    assert plain == mixed


def test_a_map_without_influence_cannot_be_mixed() -> None:
    with pytest.raises(DataError, match=r'set patches\.place = "typicality"'):
        placed(Top.Config(size=8, place="mix"), MEAN, None)
    assert placed(Top.Config(size=8), MEAN, None)


def test_random_patches_do_not_overlap_and_depend_on_the_seed_only() -> None:
    selector = Random(Random.Config(size=10, per_image=5))
    one, other = select(selector, MEAN), select(selector, MEAN * -1)
    assert [c.box for c in one] == [c.box for c in other]
    assert all(apart(a.box, b.box, 0) for a in one for b in one if a is not b)


def test_filters_refuse_dark_and_flat_patches() -> None:
    pixels = np.zeros((32, 40, 3), np.uint8)
    pixels[:, 20:] = np.where(np.indices((32, 20)).sum(0)[..., None] % 2, 200, 60)
    pixels[:16, 20:] = 128
    config = Top.Config(size=8, per_image=9, grey_range=(30, 225), min_contrast=20)
    boxes = [one.box for one in select(Top(config), MEAN, pixels)]
    assert boxes
    assert all(pixels[box.slices()].mean() > 30 and pixels[box.slices()].std() > 19 for box in boxes)


def test_controls_share_sizes_and_filters() -> None:
    top = Top(Top.Config(size=9, min_distance=1, controls=("random",)))
    (control,) = top.controls()
    assert control.name == "random"
    assert control.config.size == 9
    assert control.config.min_distance == 1  # type: ignore[attr-defined]


def test_among_several_sizes_the_elements_own_wins() -> None:
    mean = np.zeros((8, 10))
    mean[2:5, 3:6] = 1.0
    (best,) = select(Top(Top.Config(sizes=(4, 12, 24), per_image=1)), mean)
    assert best.box.y1 - best.box.y0 == 12


def test_a_patch_larger_than_the_picture_gives_none() -> None:
    assert select(Top(Top.Config(size=33)), MEAN) == []
