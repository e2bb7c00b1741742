"""What every describer keeps."""

from __future__ import annotations

import math

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
        unknown = set(described) - known
        assert not unknown, f"words for what is no cluster of the run: (label, cluster) {sorted(unknown)}"
        twice = {one for one in described if described.count(one) > 1}
        assert not twice, f"one description a cluster; more for (label, cluster) {sorted(twice)}"

    def test_words_are_texts_with_finite_scores_the_best_first(self, describer: Describer, run: Run) -> None:
        for one in describer.words(run):
            assert one.source == describer.name, f"source = {one.source!r}: must be the describer's name"
            assert one.words, f"a description without words: {one}"
            for word in one.words:
                assert isinstance(word.text, str), f"{word}: the text must be a string"
                assert word.text.strip(), f"{word}: the text is empty"
                assert math.isfinite(word.score), f"{word}: the score must be finite"
            scores = [word.score for word in one.words]
            assert scores == sorted(scores, reverse=True), f"the best word must come first; scores {scores}"

    def test_words_are_the_same_again(self, describer: Describer, run: Run) -> None:
        np.random.seed(1)  # the global generator must not matter
        first = list(describer.words(run))
        np.random.seed(2)
        again = list(describer.words(run))
        assert again == first, f"first {first}, then {again}"

    def test_a_run_without_clusters_has_no_words(self, describer: Describer) -> None:
        found = list(describer.words(MemoryRun([])))
        assert found == [], f"words for a run without clusters: {found}"
