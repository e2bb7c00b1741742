"""Whether standard errors are honest: how often intervals hold the truth, and what picking a place costs.

    python benchmarks/standard_errors.py RUN [--pictures 30] [--draws 16] [--truth 1000]

RUN is a finished quickstart; its held-out faces are scored under their own label by its model. The truth is the mean of
as many fresh draws, of one kind for all, as all have one expectation; its own error is small, and is added to the
interval's. A place is the window of 16 px where the
map is highest that places it: the mix, or typicality itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

import diffmine
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion.averaging import degrees_of_freedom
from diffmine.interfaces import Progress
from diffmine.numerics.patch_errors import patch_stderr
from diffmine.numerics.upsampling import upsample, window_means
from diffmine.types import Box, Picture, TypicalityMap

KINDS: Mapping[str, dict] = {
    "uniform": {},
    "stratified": {"timesteps": "stratified"},
    "stratified, antithetic": {"timesteps": "stratified", "antithetic": True},
    "stratified, antithetic, smoothed": {"timesteps": "stratified", "antithetic": True, "smoothing": 0.6},
}
RANGE = {"t_min": 0.2, "t_max": 0.8, "batch_size": 48}
SIDE, AGREEMENT = 16, 0.1
FRESH = 1000
"""Added to the run's seed for the fresh draws."""


def place(values: NDArray[np.floating], stride: int, side: int) -> Box:
    """The window where the map is highest."""
    means = window_means(upsample(values, stride, side, side), SIDE)
    y, x = (int(one) for one in np.unravel_index(means.argmax(), means.shape))
    return Box(y, x, y + SIDE, x + SIDE)


def off(one: TypicalityMap, truth: TypicalityMap, box: Box, stride: int, side: int) -> tuple[float, float]:
    """How far the patch's mean is off, and by how much it may be."""
    values = [float(upsample(a_map.mean, stride, side, side)[box.slices()].mean()) for a_map in (one, truth)]
    errors = [
        patch_stderr(box, a_map.stderr, a_map.noise_correlation, stride, side, side)  # type: ignore[arg-type]
        for a_map in (one, truth)
    ]
    return values[0] - values[1], float(np.hypot(*errors))


def measured(off_by: NDArray[np.float64], may_be: NDArray[np.float64], degrees: int) -> str:
    """Coverage, and the mean of the deviations in units of their error."""
    wide = student.ppf(0.975, degrees)
    held = [float((np.abs(off_by) <= width * may_be).mean()) for width in (1.96, wide)]
    ratio = float(np.square(may_be).mean() / np.square(off_by).mean())
    return f"{held[0]:.3f}  {held[1]:.3f}  {ratio:5.2f}  {float((off_by / may_be).mean()):+.2f}"


def main() -> None:
    """Print a line for each kind of draws and each place."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    for name, default in (("pictures", 30), ("draws", 16), ("truth", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    told = parser.parse_args()
    run = diffmine.load_run(told.run)
    records = [record for record in run.records.values() if record.evaluated][: told.pictures]
    pictures = [Picture(record, run.picture(record.image_id)) for record in records]
    labels = [record.labels[:1] for record in records]
    print("coverage of 95 % intervals by normal and by t quantiles; variance told / true; mean deviation in errors")

    @cache
    def truths(smoothing: float) -> list[TypicalityMap]:
        tools = run.tools()
        tools.seed += FRESH
        most = Diffusion.Config(draws=told.truth, **RANGE, timesteps="stratified", smoothing=smoothing)
        return [one for (one,) in Diffusion(most).open(tools).score(pictures, labels, Progress())]

    for kind, options in KINDS.items():
        config = Diffusion.Config(draws=told.draws, **RANGE, **options)
        scoring = Diffusion(config).open(run.tools())
        maps = [one for (one,) in scoring.score(pictures, labels, Progress())]
        truth = truths(config.smoothing)
        degrees, side = degrees_of_freedom(config, told.draws), records[0].width
        cells = np.concatenate([(one.mean - two.mean).ravel() for one, two in zip(maps, truth, strict=True)])
        errors = [np.hypot(one.stderr, two.stderr).ravel() for one, two in zip(maps, truth, strict=True)]  # type: ignore[arg-type]
        print(f"{kind:34s} cell        {measured(cells, np.concatenate(errors), degrees)}", flush=True)
        for name, weight in (("mix", AGREEMENT), ("typicality", 1.0)):
            found = []
            for one, two in zip(maps, truth, strict=True):
                placing = one.influence + weight * (one.mean - one.influence)  # type: ignore[operator]
                box = place(placing, scoring.stride, side)
                found.append(off(one, two, box, scoring.stride, side))
            print(f"{kind:34s} {name:11s} {measured(*np.array(found).T, degrees)}", flush=True)


if __name__ == "__main__":
    main()
