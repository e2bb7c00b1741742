"""Default metrics that need no masks, on maps whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmine.builtin.metrics.fitting_size import FittingSize
from diffmine.builtin.metrics.typical_share import TypicalShare
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import ImageRecord, TypicalityMap


def squares(side: int, size: int, height: float = 1.0, count: int = 12) -> MemoryRun:
    """Pictures whose own label raises typicality in a square of a side, in noise; a run with patches of a size."""
    generator, records, maps = numpy_generator("squares", side), [], []
    for number in range(count):
        own, other = ("a", "b") if number % 2 else ("b", "a")
        records.append(ImageRecord(f"{number}", f"{number}", (own,), 64, 64, f"{number}", "heldout"))
        y, x = generator.integers(0, 64 - side, 2)
        for label, level in ((own, height), (other, 0.0)):
            mean = generator.normal(0, 0.05, (64, 64)).astype(np.float32)
            mean[y : y + side, x : x + side] += level
            maps.append(TypicalityMap(f"{number}", label, mean, np.ones_like(mean), 1))
    return MemoryRun(records, maps, selector={"size": size})


@pytest.mark.parametrize(("side", "size"), [(16, 16), (24, 16), (12, 16), (16, 32), (32, 16)])
def test_the_size_that_fits_is_that_of_the_square(side: int, size: int) -> None:
    figure = FittingSize(FittingSize.Config()).compute(squares(side, size))["fitting_size"]
    assert figure.value == side
    assert figure.low == figure.high == side
    assert dict(figure.per_label) == {"a": side, "b": side}
    assert figure.better == "none"


def test_nothing_is_told_of_pictures_that_were_learned_from() -> None:
    run = squares(16, 16)
    run.records = {key: replace(one, split="train", mined=True) for key, one in run.records.items()}
    assert FittingSize(FittingSize.Config()).compute(run) == {}


def test_the_typical_share_is_that_of_all_members_at_least() -> None:
    def row(label: str, cluster: int, size: int, bound: float | None) -> dict[str, object]:
        facts = dict.fromkeys(("median_typicality", "mean_typicality"), 0.0)
        return {"label": label, "cluster": cluster, "rank": cluster, "size": size, "at_least": bound, **facts}

    run = MemoryRun(
        [], clusters=[row("a", 0, 10, 0.5), row("a", 1, 30, 0.0), row("b", 0, 10, 1.0), row("c", 0, 9, None)]
    )
    figure = TypicalShare(TypicalShare.Config()).compute(run)["typical_share"]
    assert figure.value == pytest.approx(15 / 50)
    assert dict(figure.per_label) == pytest.approx({"a": 5 / 40, "b": 1.0})
    assert TypicalShare(TypicalShare.Config()).compute(MemoryRun([], clusters=[row("c", 0, 9, None)])) == {}
