from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmine.analysis.showing import chance_to_show, shows
from diffmine.builtin.metrics.patch_precision import PatchPrecision
from diffmine.builtin.metrics.pixel_average_precision import PixelAveragePrecision
from diffmine.builtin.metrics.pointing_accuracy import PointingAccuracy
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap


class TestPixelAveragePrecision(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PixelAveragePrecision(PixelAveragePrecision.Config())


class TestPointingAccuracy(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PointingAccuracy(PointingAccuracy.Config())


class TestPatchPrecision(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PatchPrecision(PatchPrecision.Config())


def record(image_id: str, side: int = 20, split: str = "heldout", labels: tuple[str, ...] = ("a",)) -> ImageRecord:
    return ImageRecord(image_id, f"{image_id}.png", labels, side, side, image_id, split)  # type: ignore[arg-type]


def one_map(image_id: str, mean: np.ndarray, label: str = "a") -> TypicalityMap:
    return TypicalityMap(image_id, label, mean.astype(np.float32), np.ones_like(mean, dtype=np.float32), 1)


def element(y: slice, x: slice, side: int = 20) -> np.ndarray:
    mask = np.zeros((side, side), dtype=bool)
    mask[y, x] = True
    return mask


MASK = element(slice(4, 8), slice(10, 14))


def literal_average_precision(mask: np.ndarray, scores: np.ndarray) -> float:
    """Sum of (recall gained) x precision, threshold by threshold."""
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores.ravel().tolist()), reverse=True):
        kept = scores >= threshold
        recall = (mask & kept).sum() / mask.sum()
        total += (recall - recall_before) * (mask & kept).sum() / kept.sum()
        recall_before = recall
    return total


def test_pixel_average_precision_equals_the_formula() -> None:
    generator = numpy_generator("maps")
    records = [record(str(i)) for i in range(3)]
    maps = [one_map(one.image_id, np.round(generator.normal(size=(20, 20)), 1) + MASK) for one in records]
    run = MemoryRun(records, maps, masks={one.image_id: {"a": MASK} for one in records})
    figure = PixelAveragePrecision(PixelAveragePrecision.Config()).compute(run)["pixel_average_precision"]
    assert figure.value == pytest.approx(np.mean([literal_average_precision(MASK, one.mean) for one in maps]))
    assert figure.chance == pytest.approx(16 / 400)
    assert figure.count == 3


def test_maps_are_upsampled_to_the_image() -> None:
    mask = element(slice(8, 16), slice(0, 8), side=16)
    coarse = np.array([[0.0, 0.0], [1.0, 0.0]])
    run = MemoryRun([record("x", side=16)], [one_map("x", coarse)], stride=8, masks={"x": {"a": mask}})
    figures = PixelAveragePrecision(PixelAveragePrecision.Config()).compute(run)
    assert figures["pixel_average_precision"].value > 0.95


def test_only_heldout_images_that_have_the_element_of_their_own_label_count() -> None:
    records = [record("train", split="train"), record("none"), record("empty"), record("other"), record("good")]
    masks = {
        "train": {"a": MASK}, "empty": {"a": np.zeros_like(MASK)}, "other": {"b": MASK}, "good": {"a": MASK, "b": ~MASK}
    }  # fmt: skip
    run = MemoryRun(records, [one_map(one.image_id, MASK) for one in records], masks=masks)
    figure = PixelAveragePrecision(PixelAveragePrecision.Config()).compute(run)["pixel_average_precision"]
    assert (figure.value, figure.count, figure.low) == (1.0, 1, None)


@pytest.mark.parametrize(("y", "x", "hits"), [(4, 10, 1), (3, 10, 1), (2, 10, 0), (8, 14, 0), (8, 13, 1), (0, 0, 0)])
def test_pointing_hits_within_a_twentieth_of_the_side(y: int, x: int, hits: int) -> None:
    """Side 20: the tolerance is one pixel; (8, 14) is sqrt(2) from the corner (7, 13)."""
    peak = np.zeros((20, 20))
    peak[y, x] = 1
    run = MemoryRun([record("x")], [one_map("x", peak)], masks={"x": {"a": MASK}})
    figure = PointingAccuracy(PointingAccuracy.Config()).compute(run)["pointing_accuracy"]
    assert figure.value == hits
    assert figure.chance == pytest.approx((16 + 16) / 400), "16 element pixels and 4 beside each edge"


def test_the_map_that_places_is_measured_and_typicality_beside_it() -> None:
    """Influence points at the element, typicality away from it."""
    influence, typicality = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.float32)
    influence[5, 12], typicality[15, 2] = 10, 1
    both = replace(one_map("x", typicality), influence=influence)
    for metric in (PointingAccuracy(PointingAccuracy.Config()), PixelAveragePrecision(PixelAveragePrecision.Config())):
        name = metric.name
        mixed, plain = (
            metric.compute(MemoryRun([record("x")], [both], masks={"x": {"a": MASK}}, selector={"place": place}))
            for place in ("mix", "typicality")
        )
        assert set(mixed) == {name, f"{name}_typicality"}
        assert set(plain) == {name}
        assert mixed[name].value > mixed[f"{name}_typicality"].value == plain[name].value


def test_a_flat_map_points_nowhere_better_than_chance() -> None:
    run = MemoryRun([record("x")], [one_map("x", np.zeros((20, 20)))], masks={"x": {"a": MASK}})
    figure = PointingAccuracy(PointingAccuracy.Config()).compute(run)["pointing_accuracy"]
    assert figure.value == pytest.approx(figure.chance)


@pytest.mark.parametrize(
    ("box", "counts"),
    [
        (Box(4, 10, 8, 14), True),
        (Box(0, 0, 4, 4), False),
        (Box(2, 8, 6, 12), True),  # 4 of its 16 pixels: a quarter
        (Box(1, 8, 5, 12), False),  # 2 of 16
        (Box(0, 0, 20, 12), True),  # half of the element, 8 of 240 pixels
        (Box(0, 0, 20, 11), False),  # 4 of the element's 16, 4 of 220 pixels
    ],
)
def test_a_patch_counts_when_a_quarter_is_element_or_half_the_element_is_in_it(box: Box, counts: bool) -> None:
    assert shows(MASK, box) is counts


def test_chance_of_a_patch_is_the_share_of_places_where_it_counts() -> None:
    mask = numpy_generator("mask").random((20, 20)) < 0.2
    boxes = [Box(y, x, y + 6, x + 6) for y in range(15) for x in range(15)]
    assert chance_to_show(mask, 6) == pytest.approx(np.mean([shows(mask, box) for box in boxes]))


def test_the_best_patch_is_the_one_of_the_lowest_rank_of_the_runs_own_selection() -> None:
    hit, miss = Box(4, 10, 8, 14), Box(12, 0, 16, 4)
    patches = [
        Patch("x", "a", hit, 0.5, 0.1, "grid", 3), Patch("x", "a", miss, 0.2, 0.1, "grid", 9),
        Patch("x", "a", miss, 0.9, 0.1, "least", 0), Patch("x", "a", miss, 0.1, 0.1, "random", 0),
        Patch("y", "a", miss, 0.9, 0.1, "grid", 0), Patch("y", "a", hit, 0.1, 0.1, "grid", 4),
    ]  # fmt: skip
    run = MemoryRun(
        [record("x"), record("y"), record("unmined")],
        masks={name: {"a": MASK} for name in ("x", "y", "unmined")},
        heldout_patches=patches,
        selection="grid",
    )
    figures = PatchPrecision(PatchPrecision.Config()).compute(run)
    assert (figures["patch_precision"].value, figures["patch_precision"].count) == (0.5, 2)
    assert (figures["patch_precision"].better, figures["patch_precision_random"].better) == ("higher", "none")
    assert (figures["patch_precision_random"].value, figures["patch_precision_random"].count) == (0.0, 1)
    assert figures["patch_precision"].chance == pytest.approx(chance_to_show(MASK, 4))


def test_a_planted_signal_is_found_and_no_signal_is_at_chance() -> None:
    metrics = [cls(cls.Config()) for cls in (PixelAveragePrecision, PointingAccuracy, PatchPrecision)]
    found, nothing = planted_run(heldout=20), planted_run(heldout=60, signal=0.0)
    for metric in metrics:
        assert metric.compute(found)[metric.name].value > 0.9
        blind = metric.compute(nothing)[metric.name]
        assert blind.low is not None
        assert blind.high is not None
        assert blind.low - 0.02 <= blind.chance <= blind.high + 0.02  # type: ignore[operator]
