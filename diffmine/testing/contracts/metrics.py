"""What every metric keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.run import Run
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import MetricValue


class MetricContract:
    """Subclass this and return your metric from a fixture ``metric``.

    Give ``run`` too where the planted run does not suit it.
    """

    @pytest.fixture
    def run(self) -> Run:
        return planted_run()

    def test_figures_are_whole(self, metric: Metric, run: Run) -> None:
        figures = metric.compute(run)
        assert figures, "the metric says nothing of a run that has masks, held-out images and clusters"
        for name, figure in figures.items():
            assert isinstance(figure, MetricValue), f"{name}: a {type(figure).__name__}, not a MetricValue"
            assert math.isfinite(figure.value), f"{name}: value = {figure.value}"
            assert figure.count > 0, f"{name}: count = {figure.count}"
            unknown = sorted(set(figure.per_label) - set(run.labels))
            assert not unknown, f"{name}: per_label holds {unknown}, which are no labels of the run"
            for label, value in figure.per_label.items():
                assert math.isfinite(value), f"{name}: per_label[{label!r}] = {value}"
            if figure.low is not None and figure.high is not None:
                said = f"{name}: {figure.value} is not in its interval, {figure.low} to {figure.high}"
                assert figure.low <= figure.value <= figure.high, said

    def test_figures_are_the_same_again(self, metric: Metric, run: Run) -> None:
        np.random.seed(1)  # the global generator must not matter
        first = dict(metric.compute(run))
        np.random.seed(2)
        again = dict(metric.compute(run))
        assert again == first, f"first {first}, then {again}"

    def test_the_order_of_patches_does_not_matter(self, metric: Metric, run: Run) -> None:
        expected = metric.compute(run)
        generator = numpy_generator("order")
        for table, features in (("patches", "features"), ("heldout_patches", "heldout_features")):
            order = generator.permutation(len(getattr(run, table)))
            setattr(run, table, getattr(run, table).take(order))
            setattr(run, features, getattr(run, features)[order])
        vars(run).pop("contents", None)  # they were of the old order
        for name, figure in metric.compute(run).items():
            said = f"{name}: {expected[name].value}, and {figure.value} with the rows in another order"
            assert figure.value == pytest.approx(expected[name].value, abs=1e-6), said

    def test_a_run_without_what_it_needs_gives_no_figure(self, metric: Metric) -> None:
        found = dict(metric.compute(MemoryRun([])))
        assert found == {}, f"figures for an empty run: {found}"
