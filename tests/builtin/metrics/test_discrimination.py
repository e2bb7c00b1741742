from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from diffmine.analysis.discrimination import Judged, area_under_roc
from diffmine.builtin.metrics.label_auc import LabelAuc
from diffmine.builtin.metrics.presence_auc import PresenceAuc
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.run import Run
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import ImageRecord, TypicalityMap

SIDE = 8


def run_of(levels: list[dict[str, float]], present: list[bool] | None, split: str = "heldout") -> MemoryRun:
    """Pictures of label a with a peak of the given height under each label; masks say whether the element is there."""
    names = [f"image{number}" for number in range(len(levels))]
    maps = []
    for name, one in zip(names, levels, strict=True):
        for label, level in one.items():
            heat = np.zeros((SIDE, SIDE), np.float32)
            heat[2:4, 2:4] = level
            maps.append(TypicalityMap(name, label, heat))
    masks = {name: {"a": np.full((SIDE, SIDE), there)} for name, there in zip(names, present or [], strict=False)}
    records = [ImageRecord(name, name, ("a",), SIDE, SIDE, name, split) for name in names]  # type: ignore[arg-type]
    return MemoryRun(records, maps, masks=masks, selector={"size": 2, "controls": []})


@pytest.fixture
def run() -> Run:
    """Own labels win in four of six pairs; the element is there in the first picture alone."""
    return run_of([{"a": 3.0, "b": 2.0}, {"a": 1.0, "b": 0.5, "c": 4.0}], [True, False])


class TestLabelAuc(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return LabelAuc(LabelAuc.Config())

    @pytest.fixture
    def run(self, run: Run) -> Run:
        return run


class TestPresenceAuc(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return PresenceAuc(PresenceAuc.Config())

    @pytest.fixture
    def run(self, run: Run) -> Run:
        return run


def test_own_labels_are_held_against_wrong_ones_at_the_best_patch(run: Run) -> None:
    figure = LabelAuc(LabelAuc.Config()).compute(run)["label_auc"]
    assert figure.value == pytest.approx(3 / 6)
    assert (figure.chance, figure.count) == (0.5, 2)


def test_pictures_with_the_element_are_held_against_those_without(run: Run) -> None:
    assert PresenceAuc(PresenceAuc.Config()).compute(run)["presence_auc"].value == 1.0


@pytest.mark.parametrize("split", ["train", "validation"])
def test_other_pictures_do_not_count(split: str) -> None:
    run = run_of([{"a": 3.0, "b": 2.0}, {"a": 1.0, "b": 0.0}], [True, False], split)
    assert LabelAuc(LabelAuc.Config()).compute(run) == {}
    assert PresenceAuc(PresenceAuc.Config()).compute(run) == {}
    assert bool(LabelAuc(LabelAuc.Config(split="validation")).compute(run)) is (split == "validation")


def test_what_no_mask_tells_has_no_presence() -> None:
    run = run_of([{"a": 3.0, "b": 2.0}, {"a": 1.0, "b": 0.0}], None)
    assert PresenceAuc(PresenceAuc.Config()).compute(run) == {}
    assert LabelAuc(LabelAuc.Config()).compute(run)["label_auc"].value == 0.75


def judged(seed: int, shift: float, pictures: int = 40, wrong: int = 3) -> list[Judged]:
    """Each picture has one own and some wrong values, all of them raised by what is its own."""
    generator = numpy_generator("judged", seed)
    found = []
    for number in range(pictures):
        level = generator.normal()
        values = level + generator.normal(size=wrong + 1) + np.array([shift, *[0.0] * wrong])
        found += [Judged(str(number), "a", float(value), place == 0) for place, value in enumerate(values)]
    return found


def test_the_area_is_that_of_scikit_learn_with_ties() -> None:
    found = [Judged(one.image_id, one.label, round(one.value), one.positive) for one in judged(0, 1.0)]
    expected = roc_auc_score([one.positive for one in found], [one.value for one in found])
    assert area_under_roc("auc", found)["auc"].value == pytest.approx(expected)


def test_the_interval_holds_the_true_area_about_as_often_as_it_says() -> None:
    """Pairs of one picture vary less than others, of which the bound on independent answers knows nothing.

    Own minus wrong has a normal law of variance 2 (own level, own noise, twice each): its area is known."""
    from scipy.stats import norm

    true = norm.cdf(1.5 / 2)
    trials = 100
    figures = [area_under_roc(f"auc{trial}", judged(trial, 1.5))[f"auc{trial}"] for trial in range(trials)]
    held = np.mean([figure.low <= true <= figure.high for figure in figures])  # type: ignore[operator]
    assert held >= 0.92


def test_a_perfect_separation_leaves_room() -> None:
    figure = area_under_roc("auc", [Judged(str(i), "a", float(i), i >= 10) for i in range(20)])["auc"]
    assert figure.value == figure.high == 1.0
    assert 0.75 < figure.low < 0.9  # type: ignore[operator]
