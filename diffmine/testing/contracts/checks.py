"""What every check keeps."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.interfaces import Check
from diffmine.runs.run import Run
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run


class CheckContract:
    """Subclass this and return your check from a fixture ``check``.

    Give ``misleading`` too: a run in which the check finds something; the contract looks at what it says of it.
    """

    @pytest.fixture
    def misleading(self) -> Run:
        return planted_run(signal=0)

    def test_findings_are_sentences(self, check: Check, misleading: Run) -> None:
        for finding in check.check(misleading):
            assert finding.sentence.strip() == finding.sentence != ""
            assert "\n" not in finding.sentence

    def test_flags_are_about_clusters_of_the_run(self, check: Check, misleading: Run) -> None:
        known = {(row["label"], row["cluster"]) for row in misleading.clusters.to_pylist()}
        for finding in check.check(misleading):
            if finding.flag is not None:
                assert (finding.flag.label, finding.flag.cluster) in known
                assert finding.flag.sentence == finding.sentence
                assert 0 < len(finding.flag.mark.split()) <= 3, "a mark is two or three words"

    def test_findings_are_the_same_again(self, check: Check, misleading: Run) -> None:
        np.random.seed(1)  # the global generator must not matter
        first = list(check.check(misleading))
        np.random.seed(2)
        assert list(check.check(misleading)) == first

    def test_a_run_without_what_it_needs_gives_no_finding(self, check: Check) -> None:
        assert list(check.check(MemoryRun([]))) == []
