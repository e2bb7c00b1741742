"""The p-values and q-values in the patch tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from diffmine.builtin.selectors.top import Top
from diffmine.builtin.stages.evidence import Evidence, evidence_table, least_shares, with_significance
from diffmine.numerics.false_discoveries import chance_limits
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap

IMAGES, SIDE, PATCH = 150, 24, 6


def proposals(signal: float, key: str) -> list[list[float]]:
    """Typicality of the patches that ``top`` finds in noise, raised by ``signal`` at one place of each image."""
    generator, selector = numpy_generator(key), Top(Top.Config(size=PATCH, per_image=3))
    record = ImageRecord("x", "x", ("a",), SIDE, SIDE, "x", "heldout")
    values = []
    for _ in range(IMAGES):
        mean = generator.normal(size=(SIDE, SIDE)).astype(np.float32)
        mean[5:11, 5:11] += signal
        typicality = TypicalityMap("x", "a", mean, np.ones_like(mean), 1)
        found = selector.select(typicality, record, lambda: np.zeros((SIDE, SIDE, 3), np.uint8), stride=1, seed=0)
        values.append([one.typicality for one in found])
    return values


def judged(signal: float, kept: int) -> list[Patch]:
    """The best patches of a label, held against what ``top`` finds under wrong labels."""
    evidence = Evidence(proposals(signal, "own"), proposals(0.0, "wrong"))
    best = np.sort(evidence.observed.values)[::-1][:kept].tolist()
    patches = [Patch("x", "a", Box(0, 0, 6, 6), value, 0.1, "top", rank) for rank, value in enumerate(best)]
    return list(with_significance(patches, "selected", "top", {("selected", "a"): evidence}))


def test_patches_of_a_label_that_means_something_stand_above_chance() -> None:
    patches = judged(signal=2.0, kept=IMAGES)
    assert np.mean([patch.q_value <= 0.05 for patch in patches]) > 0.95  # type: ignore[operator]


@pytest.mark.parametrize("kept", [IMAGES, 3 * IMAGES])
def test_patches_of_a_label_that_means_nothing_do_not(kept: int) -> None:
    patches = judged(signal=0.0, kept=kept)
    assert np.mean([patch.q_value <= 0.05 for patch in patches]) < 0.01  # type: ignore[operator]


def test_q_values_are_over_all_patches_that_were_proposed_however_many_are_kept() -> None:
    everything, best = judged(0.7, 3 * IMAGES), judged(0.7, 50)
    full = false_discovery_control([patch.p_value for patch in everything])
    assert [patch.q_value for patch in everything] == pytest.approx(full.tolist())
    assert [patch.q_value for patch in best] == pytest.approx(full[:50].tolist())


def test_controls_and_labels_without_a_null_have_no_values() -> None:
    patches = [
        Patch("x", "a", Box(0, 0, 1, 1), 1.0, 0.1, "top", 0), Patch("x", "a", Box(0, 0, 1, 1), 1.0, 0.1, "random", 0),
        Patch("x", "b", Box(0, 0, 1, 1), 1.0, 0.1, "top", 0),
    ]  # fmt: skip
    evidence = {("selected", "a"): Evidence([[1.0, 0.5], [0.1]], [[3.0, 0.0], [2.0]])}
    found = list(with_significance(patches, "selected", "top", evidence))
    assert [patch.p_value for patch in found] == [3 / 4, None, None]
    assert [patch.q_value for patch in found] == [0.75, None, None]


def test_the_table_says_what_the_null_allows_and_holds_its_best() -> None:
    evidence = {("selected", "a"): Evidence([[1.0, 0.5], [0.1]], [[3.0, 0.0], [4.0], []])}
    (row,) = evidence_table(evidence).to_pylist()
    assert row == {
        "table": "selected", "label": "a", "images": 2, "tests": 3, "nulls": 3, "smallest_q": 0.25,
        "null_best": [4.0, 3.0],
    }  # fmt: skip


def test_shares_are_bounded_for_the_tested_members_of_clusters() -> None:
    """Eight patches above all null values, of which so many may be chance; two that are not; three never tested."""
    (most, *_) = chance_limits(10, 40)
    ids = [f"{number}" for number in range(8)]
    patches = [Patch(one, "a", Box(0, 0, 1, 1), 2.0, 0.1, "top", 0, p_value=0.02) for one in ids]
    patches += [Patch(one, "a", Box(0, 0, 1, 1), 0.5, 0.1, "top", 0, p_value=0.6) for one in ids[:2]]
    patches += [Patch("unseen", "a", Box(0, 0, 1, 1), 2.0, 0.1, "top", 0)] * 3
    cluster = np.array([0] * 8 + [1] * 2 + [0, 0, 2], np.int32)
    against = {"images": 10, "null_best": np.linspace(1, 0, 40).tolist()}
    assert least_shares(cluster, patches, against, 3) == [(8 - most.images) / 10, 0.0, None]
    assert least_shares(cluster, patches, None, 3) == [None] * 3
