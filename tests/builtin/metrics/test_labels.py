from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
from diffmine.builtin.metrics.label_predictability import LabelPredictability
from diffmine.builtin.metrics.separation import Separation
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.run import Run
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap


class TestLabelPredictability(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return LabelPredictability(LabelPredictability.Config())


class TestSeparation(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return Separation(Separation.Config())


class TestClassifierAccuracy(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return ClassifierAccuracy(ClassifierAccuracy.Config())

    @pytest.fixture
    def run(self) -> Run:
        return scored_run([{"a": 1.0, "b": 0.0, "c": 0.5}, {"a": 1.0, "b": 2.0, "c": 0.5}])


def scored_run(levels: list[dict[str, float]], true: str = "a", labels: str = "abc") -> MemoryRun:
    """Held-out images of label ``true``, each with a flat map of the given level under each label."""
    names = [f"image{number}" for number in range(len(levels))]
    records = [ImageRecord(name, name, (true,), 4, 4, name, "heldout") for name in names]
    records += [ImageRecord(f"train{label}", label, (label,), 4, 4, label, "train") for label in labels]
    maps = [
        TypicalityMap(name, label, np.full((4, 4), level, np.float32), np.ones((4, 4), np.float32), 1)
        for name, one in zip(names, levels, strict=True)
        for label, level in one.items()
    ]
    return MemoryRun(records, maps)


def test_an_image_is_classified_by_its_highest_level() -> None:
    run = scored_run([{"a": 1.0, "b": 0.0, "c": 0.5}, {"a": 1.0, "b": 2.0, "c": 0.5}, {"a": 1.0, "b": 1.0, "c": 0.0}])
    figures = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(run)
    assert figures["classifier_accuracy"].value == pytest.approx((1 + 0 + 0.5) / 3)
    assert figures["classifier_accuracy"].chance == pytest.approx(1 / 3)
    assert figures["label_margin_accuracy"].value == pytest.approx((1 + 0.5 + 0.75) / 3)


def test_images_scored_under_some_labels_only_are_compared_in_pairs() -> None:
    figures = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(scored_run([{"a": 1.0, "b": 0.0}, {"a": 3.0}]))
    assert set(figures) == {"label_margin_accuracy"}
    assert (figures["label_margin_accuracy"].value, figures["label_margin_accuracy"].count) == (1.0, 1)


def test_typical_patches_predict_labels_and_random_ones_less() -> None:
    with warnings.catch_warnings(action="error", category=DiffmineWarning):
        figures = LabelPredictability(LabelPredictability.Config()).compute(planted_run(images=30, heldout=30))
    assert figures["label_predictability"].value > 0.95
    assert figures["label_predictability_random"].value < 0.8
    assert figures["label_predictability_least"].value < 0.6
    better = {name: figure.better for name, figure in figures.items()}
    assert better.pop("label_predictability") == better.pop("label_predictability_gain") == "higher"
    assert set(better.values()) == {"none"}, "controls are there to compare with"
    assert figures["label_predictability"].chance == pytest.approx(1 / 3, abs=0.1)
    own, random = (figures[f"label_predictability{name}"].value for name in ("", "_random"))
    assert figures["label_predictability_gain"].value == pytest.approx(own - random)


def test_features_that_know_nothing_predict_at_chance() -> None:
    run = planted_run(images=30, heldout=100, signal=0.0)
    run.features = numpy_generator("train").normal(size=run.features.shape).astype(np.float32)
    run.heldout_features = numpy_generator("heldout").normal(size=run.heldout_features.shape).astype(np.float32)
    with warnings.catch_warnings(action="error", category=DiffmineWarning):
        figure = LabelPredictability(LabelPredictability.Config()).compute(run)["label_predictability"]
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low <= figure.chance <= figure.high  # type: ignore[operator]


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_features_that_know_the_label_give_no_figure(noise: float) -> None:
    """Whatever the patch shows; with noise, the selected ones may come out a little better by chance."""
    run = planted_run(images=30, heldout=30)
    generator = numpy_generator("knows")
    for patches, features in ((run.patches, run.features), (run.heldout_patches, run.heldout_features)):
        for row, label in enumerate(patches["label"].to_pylist()):
            features[row] = np.eye(features.shape[1])[run.labels.index(label)]
        features += noise * generator.normal(size=features.shape).astype(np.float32)
    with pytest.warns(DiffmineWarning, match="not shown: random patches predict the label nearly as well"):
        assert LabelPredictability(LabelPredictability.Config()).compute(run) == {}


def test_without_random_patches_there_is_nothing_to_compare_with() -> None:
    run = planted_run(images=30, heldout=30)
    for name in ("patches", "heldout_patches"):
        kept = np.flatnonzero(np.asarray(getattr(run, name)["selection"]) != "random")
        setattr(run, name, getattr(run, name).take(kept))
    run.features, run.heldout_features = (
        np.zeros((len(table), 2), np.float32) for table in (run.patches, run.heldout_patches)
    )
    with pytest.warns(DiffmineWarning, match="needs random patches"):
        assert LabelPredictability(LabelPredictability.Config()).compute(run) == {}


@pytest.mark.parametrize("folds", [None, 4])
def test_mined_pictures_are_judged_by_what_others_taught(folds: int | None) -> None:
    """Each picture's patches are all alike and like no other picture's: only its own would tell its label."""
    run = planted_run(images=40, heldout=0)
    names = sorted(run.records)
    if folds:
        run.records = {name: replace(record, fold=names.index(name) % folds) for name, record in run.records.items()}
    run.heldout_patches = run.patches
    places = [names.index(name) for name in run.patches["image_id"].to_pylist()]
    run.features = numpy_generator("folds").normal(size=(len(names), 300)).astype(np.float32)[places]
    run.heldout_features = run.features
    judged = LabelPredictability(LabelPredictability.Config())._judge(run, "top")
    assert len(judged) == len(names)
    assert np.mean([one.value for one in judged]) < 0.6


def patches_with(typicalities: dict[str, np.ndarray]) -> MemoryRun:
    patches = [
        Patch(f"image{number}", "a", Box(0, 0, 2, 2), float(value), 0.1, selection, number)
        for selection, values in typicalities.items()
        for number, value in enumerate(values)
    ]
    records = [ImageRecord(f"image{i}", f"{i}", ("a",), 4, 4, f"{i}", "train") for i in range(len(patches))]
    return MemoryRun(records, patches=patches)


def test_separation_is_cohens_d() -> None:
    generator = numpy_generator("separation")
    values = {
        "top": generator.normal(3, 1, 60),
        "random": generator.normal(1, 2, 60),
        "least": generator.normal(0, 1, 60),
    }
    figure = Separation(Separation.Config()).compute(patches_with(values))["separation"]
    top, random, least = values.values()
    assert figure.value == pytest.approx(
        (top.mean() - random.mean()) / np.sqrt((top.var() + random.var()) / 2), rel=1e-5
    )
    assert figure.chance == pytest.approx(
        (random.mean() - least.mean()) / np.sqrt((random.var() + least.var()) / 2), rel=1e-5
    )


def test_the_best_of_noise_stand_out_no_further_than_chance() -> None:
    blind = Separation(Separation.Config()).compute(planted_run(images=100, signal=0.0))["separation"]
    assert blind.value == pytest.approx(blind.chance, rel=0.2)
    found = Separation(Separation.Config()).compute(planted_run(images=100))["separation"]
    assert found.value > 2 * found.chance  # type: ignore[operator]
