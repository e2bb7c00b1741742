"""From a mean map to the five best of all stride-1 patches of a 512 x 512 picture, against the published procedure.

    python benchmarks/selection.py

The published procedure, written literally: upsample, average-pool with stride 1, sort all positions, take the best
that do not touch. (Its authors build a Python tuple for every position; here NumPy does that part.)
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from diffmine.builtin.selectors.top import Top
from diffmine.types import ImageRecord, TypicalityMap

SIDE, STRIDE, PATCH = 512, 8, 64


def published(mean: np.ndarray) -> list[tuple[int, int]]:
    """Upper left corners of the five best patches."""
    image = torch.nn.functional.interpolate(torch.from_numpy(mean)[None, None], size=(SIDE, SIDE), mode="bilinear")
    scores = torch.nn.functional.avg_pool2d(image, PATCH, stride=1)[0, 0].numpy()
    rows = [(float(scores[y, x]), y, x) for y in range(scores.shape[0]) for x in range(scores.shape[1])]
    chosen: list[tuple[int, int]] = []
    for _, y, x in sorted(rows, key=lambda row: -row[0]):
        if all(abs(y - other_y) > PATCH or abs(x - other_x) > PATCH for other_y, other_x in chosen):
            chosen.append((y, x))
        if len(chosen) == 5:
            break
    return chosen


def timed(function: Callable[[], object], repeats: int) -> float:
    """Median seconds of processor time, which other work on the machine does not lengthen."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    mean = np.random.default_rng(0).normal(size=(SIDE // STRIDE,) * 2).astype(np.float32)
    record = ImageRecord("id", "p.png", ("a",), SIDE, SIDE, "digest", "train")
    typicality = TypicalityMap("id", "a", mean, np.abs(mean), 100)
    selector = Top(Top.Config(size=PATCH, min_distance=1))

    def ours() -> list[tuple[int, int]]:
        found = selector.select(typicality, record, lambda: None, stride=STRIDE, seed=0)  # type: ignore[arg-type, return-value]
        return [(one.box.y0, one.box.x0) for one in found]

    assert ours() == published(mean)
    fast, slow = timed(ours, 30), timed(lambda: published(mean), 3)
    positions = (SIDE - PATCH + 1) ** 2
    print(f"{positions:,} positions, one thread, the same five boxes")
    print(f"diffmine   {1000 * fast:8.1f} ms")
    print(f"published  {1000 * slow:8.1f} ms   {slow / fast:.0f} times as long")


if __name__ == "__main__":
    main()
