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
            assert isinstance(figure, MetricValue), name
            assert math.isfinite(figure.value), name
            assert figure.count > 0, name
            assert set(figure.per_label) <= set(run.labels), name
            assert all(math.isfinite(value) for value in figure.per_label.values()), name
            if figure.low is not None and figure.high is not None:
                assert figure.low <= figure.value <= figure.high, name

    def test_figures_are_the_same_again(self, metric: Metric, run: Run) -> None:
        np.random.seed(1)  # the global generator must not matter
        first = dict(metric.compute(run))
        np.random.seed(2)
        assert dict(metric.compute(run)) == first

    def test_the_order_of_patches_does_not_matter(self, metric: Metric, run: Run) -> None:
        expected = metric.compute(run)
        generator = numpy_generator("order")
        for table, features in (("patches", "features"), ("heldout_patches", "heldout_features")):
            order = generator.permutation(len(getattr(run, table)))
            setattr(run, table, getattr(run, table).take(order))
            setattr(run, features, getattr(run, features)[order])
        vars(run).pop("contents", None)  # they were of the old order
        for name, figure in metric.compute(run).items():
            assert figure.value == pytest.approx(expected[name].value, abs=1e-6), name

    def test_a_run_without_what_it_needs_gives_no_figure(self, metric: Metric) -> None:
        assert dict(metric.compute(MemoryRun([]))) == {}
