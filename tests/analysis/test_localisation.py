"""The paper's area under the precision-recall curve, against a literal loop and on noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from diffmine.analysis.localisation import paper_auc_pr
from diffmine.builtin.metrics.paper_auc_pr import PaperAucPr
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import BoolArray, FloatArray, ImageRecord, TypicalityMap

BOX = np.zeros((64, 64), dtype=bool)
BOX[10:23, 30:43] = True
SHARE = BOX.mean()


class TestPaperAucPr(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PaperAucPr(PaperAucPr.Config())


def literal(boxes: BoolArray, heat: FloatArray) -> float:
    """Threshold by threshold, trapezoid by trapezoid."""
    curve = []
    for step in range(1000):
        threshold = 2 * 10 ** -(2 + 5 * step / 999)
        found = [(bool(box), value) for box, value in zip(boxes.ravel(), heat.ravel(), strict=True)]
        above = [box for box, value in found if value > threshold]
        curve.append((sum(above) / boxes.sum(), sum(above) / len(above) if above else 0.0))
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(curve))


def noise(seed: int, side: int = 64, scale: float = 3e-3) -> FloatArray:
    return (scale * numpy_generator("noise", seed).normal(size=(side, side))).astype(np.float32)


@pytest.mark.parametrize("shift", [0.0, 0.004, 0.05, -1.0])
def test_it_is_the_literal_area(shift: float) -> None:
    """Of a map that is higher in the box; of one above all thresholds, and of one that is below 0."""
    heat = noise(0)[:16, :16] + np.float32(shift)
    boxes = np.zeros((16, 16), dtype=bool)
    boxes[2:7, 5:9] = True
    heat[boxes] += np.float32(0.003)
    assert paper_auc_pr(boxes, heat)[0] == pytest.approx(literal(boxes, heat), abs=1e-12)


def test_on_noise_it_gives_half_the_share_of_boxes_and_average_precision_the_share() -> None:
    areas, chances, precisions = [], [], []
    for seed in range(40):
        heat = noise(seed)
        area, chance = paper_auc_pr(BOX, heat)
        areas.append(area)
        chances.append(chance)
        precisions.append(average_precision_score(BOX.ravel(), heat.ravel()))
    assert np.mean(areas) == pytest.approx(SHARE / 2, rel=0.1)
    assert np.mean(chances) == pytest.approx(SHARE / 2, rel=0.01)
    assert np.mean(precisions) == pytest.approx(SHARE, rel=0.1)


def test_only_positive_typicality_counts() -> None:
    heat = noise(1)
    below = np.where(heat > 0, heat, heat - 5).astype(np.float32)
    assert paper_auc_pr(BOX, heat) == paper_auc_pr(BOX, below)
    assert paper_auc_pr(BOX, -np.abs(heat)) == (0.0, 0.0)
    best = np.where(BOX, 1e-3, -1e-3).astype(np.float32)
    assert paper_auc_pr(BOX, best)[0] == 0.5, "recall rises from 0, where precision is 0, to 1 at one step"


def test_the_metric_is_of_boxes_where_there_are_any() -> None:
    records = [ImageRecord(name, f"{name}.png", ("a",), 64, 64, name, "heldout") for name in ("x", "y")]
    maps = [TypicalityMap(name, "a", noise(number), None) for number, name in enumerate(("x", "y"))]
    mask = np.zeros_like(BOX)
    mask[10, 30:43] = mask[10:23, 30] = True  # an angle, whose bounding box is the box
    run = MemoryRun(
        records, maps, masks={"x": {"a": mask}, "y": {"a": mask}}, boxes={"y": {"a": np.roll(BOX, 20, axis=0)}}
    )
    figure = PaperAucPr(PaperAucPr.Config()).compute(run)["paper_auc_pr"]
    expected = [paper_auc_pr(BOX, noise(0)), paper_auc_pr(np.roll(BOX, 20, axis=0), noise(1))]
    assert (figure.value, figure.chance) == pytest.approx(tuple(np.mean(expected, axis=0)))
