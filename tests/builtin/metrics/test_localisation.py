from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmine.analysis.showing import chance_to_show, shows
from diffmine.builtin.metrics.max_box_acc import MaxBoxAcc
from diffmine.builtin.metrics.patch_precision import PatchPrecision
from diffmine.builtin.metrics.pixel_average_precision import PixelAveragePrecision
from diffmine.builtin.metrics.pointing_accuracy import PointingAccuracy
from diffmine.builtin.metrics.pxap import PxAP
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import Box, ImageRecord, TypicalityMap


class TestPixelAveragePrecision(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PixelAveragePrecision(PixelAveragePrecision.Config())


class TestPointingAccuracy(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PointingAccuracy(PointingAccuracy.Config())


class TestPxAP(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PxAP(PxAP.Config())


class TestMaxBoxAcc(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return MaxBoxAcc(MaxBoxAcc.Config())


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


def test_the_best_patch_is_the_first_that_the_runs_selector_proposes() -> None:
    """In x it lies on the element, in y beside it, and the second one on it; nothing of it is read from a table."""
    hit, miss = np.zeros((20, 20)), np.zeros((20, 20))
    hit[4:8, 10:14], miss[4:8, 10:14], miss[12:16, 0:4] = 1, 1, 2
    run = MemoryRun(
        [record("x"), record("y"), record("train", split="train")],
        [one_map("x", hit), one_map("y", miss), one_map("train", hit)],
        masks={name: {"a": MASK} for name in ("x", "y", "train")},
        selector={"size": 4, "per_image": 2},
    )
    figures = PatchPrecision(PatchPrecision.Config()).compute(run)
    assert (figures["patch_precision"].value, figures["patch_precision"].count) == (0.5, 2)
    assert (figures["patch_precision"].better, figures["patch_precision_random"].better) == ("higher", "none")
    assert figures["patch_precision"].chance == pytest.approx(chance_to_show(MASK, 4))


@pytest.mark.parametrize("metric", [PixelAveragePrecision, PxAP, PointingAccuracy, PatchPrecision, MaxBoxAcc])
def test_a_metric_can_be_told_of_the_validation_split(metric: type[Metric]) -> None:
    """Held-out maps are right, validation ones wrong."""
    records = [record("h1"), record("h2"), record("v", split="validation"), record("t", split="train")]
    away = np.roll(MASK, 10, axis=0)
    maps = [one_map(one.image_id, MASK if one.image_id.startswith("h") else away) for one in records]
    run = MemoryRun(records, maps, masks={one.image_id: {"a": MASK} for one in records}, selector={"size": 4})
    told = {split: metric(metric.Config(split=split)).compute(run)[metric.name] for split in ("heldout", "validation")}
    assert (told["heldout"].value, told["heldout"].count) == (1.0, 2)
    assert told["validation"].value < 0.1
    assert told["validation"].count == 1


def literal_pxap(masks: list[np.ndarray], maps: list[np.ndarray]) -> float:
    """Choe et al., threshold by threshold, over the pixels of all images."""
    scores = np.concatenate([((one - one.min()) / (one.max() - one.min())).ravel() for one in maps])
    on_element = np.concatenate([one.ravel() for one in masks])
    total, recall_before = 0.0, 0.0
    for step in range(1000, -1, -1):
        kept = scores >= np.append(np.arange(0, 1, 0.001), 1.0)[step]
        recall = (on_element & kept).sum() / on_element.sum()
        total += (recall - recall_before) * (on_element & kept).sum() / kept.sum()
        recall_before = recall
    return total


def noisy_run(count: int = 4) -> MemoryRun:
    """Images of which each has another element, scale and level of noise."""
    generator = numpy_generator("pooled")
    records = [record(str(i)) for i in range(count)]
    masks = [element(slice(i, i + 6), slice(3, 7 + 2 * i)) for i in range(count)]
    maps = [5.0**i * (generator.normal(size=(20, 20)) + (i + 1) * mask / 2) for i, mask in enumerate(masks)]
    return MemoryRun(
        records,
        [one_map(one.image_id, heat) for one, heat in zip(records, maps, strict=True)],
        masks={one.image_id: {"a": mask} for one, mask in zip(records, masks, strict=True)},
    )


def test_pxap_equals_the_formula_over_pooled_pixels() -> None:
    run = noisy_run()
    figure = PxAP(PxAP.Config()).compute(run)["pxap"]
    masks = [run.masks(name)["a"] for name in run.records]
    assert figure.value == pytest.approx(literal_pxap(masks, [run.maps.load(n, "a").mean for n in run.records]))
    assert figure.chance == pytest.approx(np.mean(masks))
    assert figure.per_label == {"a": pytest.approx(figure.value)}


def test_pxap_does_not_depend_on_the_scale_of_a_map_and_large_elements_count_more() -> None:
    small, large = element(slice(0, 2), slice(0, 2)), element(slice(0, 10), slice(0, 20))
    run = MemoryRun(
        [record("small"), record("large")],
        [one_map("small", 1000.0 * ~small), one_map("large", large)],
        masks={"small": {"a": small}, "large": {"a": large}},
    )
    pooled = PxAP(PxAP.Config()).compute(run)["pxap"].value
    assert pooled == pytest.approx(200 / 204 * 200 / (200 + 396) + 4 / 204 * 204 / 800)


def literal_max_box_acc(masks: list[np.ndarray], maps: list[np.ndarray], at_least: float, any_box: bool) -> float:
    from scipy.ndimage import label

    def iou(inside: np.ndarray, mask: np.ndarray) -> float:
        def box(pixels: np.ndarray) -> np.ndarray:
            rows, columns = np.where(pixels)
            filled = np.zeros_like(mask)
            filled[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            return filled

        return (box(inside) & box(mask)).sum() / (box(inside) | box(mask)).sum()

    shares = []
    for threshold in range(255):
        hits = []
        for mask, heat in zip(masks, maps, strict=True):
            levels = ((heat.astype(float) - heat.min()) / (float(heat.max()) - float(heat.min())) * 255).astype(int)
            parts, count = label(levels > threshold, structure=np.ones((3, 3)))
            found = sorted((parts == part for part in range(1, count + 1)), key=lambda part: -part.sum())
            hits.append(any(iou(part, mask) >= at_least for part in (found if any_box else found[:1])))
        shares.append(np.mean(hits))
    return max(shares)


def test_max_box_acc_equals_a_literal_search() -> None:
    run = noisy_run()
    figures = MaxBoxAcc(MaxBoxAcc.Config()).compute(run)
    masks = [run.masks(name)["a"] for name in run.records]
    maps = [run.maps.load(name, "a").mean for name in run.records]
    assert figures["max_box_acc"].value == pytest.approx(literal_max_box_acc(masks, maps, 0.5, any_box=False))
    assert figures["max_box_acc_v2"].value == pytest.approx(
        np.mean([literal_max_box_acc(masks, maps, at_least, any_box=True) for at_least in (0.3, 0.5, 0.7)])
    )
    assert 0 < figures["max_box_acc"].value < 1


def test_a_box_is_held_against_what_overlapping_boxes_cover_and_against_either_of_two() -> None:
    """The map is one of two boxes apart: it fits. Of an L of two, the hull would have 144 pixels, the union 104."""
    apart, corner = element(slice(0, 5), slice(0, 5)), np.zeros((20, 20), dtype=bool)
    corner[0:12, 0:5] = corner[7:12, 0:12] = True
    both = apart | element(slice(12, 20), slice(12, 20))
    for boxes, heat, fits in ((both, apart, 1.0), (corner, element(slice(0, 12), slice(0, 5)), 1.0)):
        run = MemoryRun([record("x")], [one_map("x", heat)], masks={"x": {"a": boxes}}, boxes={"x": {"a": boxes}})
        assert MaxBoxAcc(MaxBoxAcc.Config()).compute(run)["max_box_acc"].value == fits


def test_a_planted_signal_is_found_and_no_signal_is_at_chance() -> None:
    metrics = [cls(cls.Config()) for cls in (PixelAveragePrecision, PointingAccuracy, PatchPrecision)]
    found, nothing = planted_run(heldout=20), planted_run(heldout=60, signal=0.0)
    for metric in metrics:
        assert metric.compute(found)[metric.name].value > 0.9
        blind = metric.compute(nothing)[metric.name]
        assert blind.low is not None
        assert blind.high is not None
        assert blind.low - 0.02 <= blind.chance <= blind.high + 0.02  # type: ignore[operator]
