"""The p-values and q-values in the patch tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from diffmine.builtin.selectors.top import Top
from diffmine.builtin.stages.evidence import Evidence, with_significance
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap

IMAGES, SIDE, PATCH = 150, 24, 6


def proposals(signal: float, key: str) -> list[float]:
    """Typicality of the patches that ``top`` finds in noise, raised by ``signal`` at one place of each image."""
    generator, selector = numpy_generator(key), Top(Top.Config(size=PATCH, per_image=3))
    record = ImageRecord("x", "x", ("a",), SIDE, SIDE, "x", "train")
    values = []
    for _ in range(IMAGES):
        mean = generator.normal(size=(SIDE, SIDE)).astype(np.float32)
        mean[5:11, 5:11] += signal
        typicality = TypicalityMap("x", "a", mean, np.ones_like(mean), 1)
        found = selector.select(typicality, record, lambda: np.zeros((SIDE, SIDE, 3), np.uint8), stride=1, seed=0)
        values += [one.typicality for one in found]
    return values


def judged(signal: float, kept: int) -> list[Patch]:
    """The best patches of a label, held against what ``top`` finds under wrong labels."""
    observed = sorted(proposals(signal, "own"), reverse=True)
    evidence = {("train", "a"): Evidence(len(observed), proposals(0.0, "wrong"))}
    patches = [Patch("x", "a", Box(0, 0, 6, 6), value, 0.1, "top", rank) for rank, value in enumerate(observed[:kept])]
    return list(with_significance(patches, "train", "top", evidence))  # type: ignore[arg-type]


def test_patches_of_a_label_that_means_something_stand_above_chance() -> None:
    patches = judged(signal=2.0, kept=IMAGES)
    assert np.mean([patch.q_value <= 0.05 for patch in patches]) > 0.95  # type: ignore[operator]


@pytest.mark.parametrize("kept", [IMAGES, 3 * IMAGES])
def test_patches_of_a_label_that_means_nothing_do_not(kept: int) -> None:
    patches = judged(signal=0.0, kept=kept)
    assert np.mean([patch.q_value <= 0.05 for patch in patches]) < 0.01  # type: ignore[operator]


def test_all_patches_that_were_proposed_count_as_tests() -> None:
    everything, best = judged(0.7, 3 * IMAGES), judged(0.7, 50)
    full = false_discovery_control([patch.p_value for patch in everything])
    assert [patch.q_value for patch in everything] == pytest.approx(full.tolist())
    assert all(patch.q_value >= q - 1e-12 for patch, q in zip(best, full, strict=False))  # type: ignore[operator]


def test_controls_and_labels_without_a_null_have_no_values() -> None:
    patches = [
        Patch("x", "a", Box(0, 0, 1, 1), 1.0, 0.1, "top", 0), Patch("x", "a", Box(0, 0, 1, 1), 1.0, 0.1, "random", 0),
        Patch("x", "b", Box(0, 0, 1, 1), 1.0, 0.1, "top", 0),
    ]  # fmt: skip
    found = list(with_significance(patches, "train", "top", {("train", "a"): Evidence(4, [0.0, 2.0, 3.0])}))
    assert [patch.p_value for patch in found] == [3 / 4, None, None]
    assert [patch.q_value for patch in found] == [1.0, None, None]
