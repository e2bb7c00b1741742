"""What every describer keeps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from diffmine.interfaces import Describer
from diffmine.runs.run import Run
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run


class DescriberContract:
    """Subclass this and return your describer from a fixture ``describer``.

    Give ``run`` too where the planted run, whose clusters are coloured squares, does not suit it.
    """

    @pytest.fixture
    def run(self) -> Run:
        return planted_run()

    def test_words_are_about_clusters_of_the_run(self, describer: Describer, run: Run) -> None:
        known = {(row["label"], row["cluster"]) for row in run.clusters.to_pylist()}
        described = [(one.label, one.cluster) for one in describer.words(run)]
        assert described, "the describer has no words for any cluster"
        assert set(described) <= known
        assert len(set(described)) == len(described), "one description a cluster"

    def test_words_are_texts_with_finite_scores_the_best_first(self, describer: Describer, run: Run) -> None:
        for one in describer.words(run):
            assert one.source == describer.name
            assert one.words
            assert all(isinstance(word.text, str) and word.text.strip() for word in one.words)
            assert all(math.isfinite(word.score) for word in one.words)
            assert all(first.score >= second.score for first, second in pairwise(one.words))

    def test_words_are_the_same_again(self, describer: Describer, run: Run) -> None:
        np.random.seed(1)  # the global generator must not matter
        first = list(describer.words(run))
        np.random.seed(2)
        assert list(describer.words(run)) == first

    def test_a_run_without_clusters_has_no_words(self, describer: Describer) -> None:
        assert list(describer.words(MemoryRun([]))) == []
