"""How near the settings that `diffmine tune` chooses without masks come to the best that masks would choose.

    python benchmarks/tuning.py RUN [RUN ...] [--cache FOLDER] [--pictures 84] [--draws 48]

RUN is a finished run whose pictures have masks. Each is measured once, and what was measured is kept in the cache, by
the run's name. Every range of timesteps and blur of the grid is judged by pixel average precision of the map that
places patches, at the same draws; every patch size by the overlap of the best patch with the mask. Masks choose
nothing. Times are processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

import diffmine
from diffmine.analysis.proposals import of_size
from diffmine.diffusion import LossScorer
from diffmine.interfaces import PatchSelector, Progress
from diffmine.numerics.upsampling import upsample
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.tuning.choosing import Choice, choose
from diffmine.tuning.grid import RANGES
from diffmine.tuning.measuring import measure, measured, measuring_config
from diffmine.tuning.sample import sample
from diffmine.tuning.separation import Setting
from diffmine.tuning.tables import span
from diffmine.tuning.terms import PER_VALUE, Terms, spread
from diffmine.tuning.tune import recipe_setting
from diffmine.types import BoolArray, Picture

Masked = tuple[Terms, BoolArray]
NEAR = 0.02
SMOOTHINGS = (0.0, 0.6, 1.0, 1.5, 2.0, 3.0)


def precision(cases: Sequence[Masked], setting: Setting, selector: PatchSelector) -> float:
    """Mean over pictures of the pixel average precision of the map that places patches."""
    found = []
    for one, mask in cases:
        values = spread(one.within(setting.t_min, setting.t_max), setting.draws // PER_VALUE)
        placing = selector.placing(one.maps(values, setting.smoothing)[0])
        image = upsample(placing, one.stride, *mask.shape)
        found.append(average_precision_score(mask.ravel(), image.ravel()))
    return float(np.mean(found))


def overlap(cases: Sequence[Masked], setting: Setting, selector: PatchSelector, run: Run, seed: int) -> float:
    """Mean over pictures of the intersection over union of the best patch and the mask."""
    chosen, found = of_size(selector, setting.size), []
    for one, mask in cases:
        values = spread(one.within(setting.t_min, setting.t_max), setting.draws // PER_VALUE)
        record = one.sampled.record
        own, pixels = one.maps(values, setting.smoothing)[0], partial(run.picture, record.image_id)
        box = chosen.select(own, record, pixels, stride=one.stride, seed=seed)[0].box
        inside = mask[box.slices()].sum()
        found.append(inside / (box.area + mask.sum() - inside))
    return float(np.mean(found))


def judge(run: Run, cache: Path, pictures: int, draws: int) -> None:
    """Tune one run, and print what masks say of it."""
    resolved = resolve(run.recipe, registry())
    scorer, selector, seed = resolved.components.scorer, resolved.components.patches, resolved.seed
    assert isinstance(scorer, LossScorer)
    sampled = sample(list(run.records.values()), scorer, pictures, seed)
    started = time.process_time()
    config = measuring_config(scorer.config, draws)
    opened = partial(run.tools, "cpu")
    forwards = measure(
        scorer, config, sampled, opened, lambda one: Picture(one, run.picture(one.image_id)), cache, Progress()
    )
    between = time.process_time()
    terms = measured(sampled, cache)
    recipe = recipe_setting(scorer, selector)
    choice = choose(terms, recipe, selector, lambda one: run.picture(one.image_id), seed, Progress())
    took = time.process_time() - between
    print(
        f"\n{run.path}: {len(terms)} pictures, {forwards} forwards in {between - started:.0f} s, chosen in {took:.0f} s"
    )
    masks = [run.masks(one.sampled.record.image_id).get(one.sampled.pair[0]) for one in terms]
    cases = [(one, np.asarray(mask)) for one, mask in zip(terms, masks, strict=True) if mask is not None and mask.any()]
    _timesteps_and_blur(choice, cases, selector)
    _patches(choice, cases, selector, run, seed)
    agreement = "  ".join(f"{number}: {one.order:.2f}" for number, one in choice.stability.items())
    print(f"agreement by draws  {agreement}; tuned {choice.setting.draws}")


def _timesteps_and_blur(choice: Choice, cases: Sequence[Masked], selector: PatchSelector) -> None:
    """The whole grid, at the same draws."""
    tuned = replace(choice.setting, draws=choice.compared)
    settings = [
        replace(tuned, t_min=low, t_max=high, smoothing=blur) for (low, high), blur in product(RANGES, SMOOTHINGS)
    ]
    grid = {setting: precision(cases, setting, selector) for setting in settings}
    best = max(grid.values())
    print(f"timesteps and blur, AP of {len(cases)} pictures with a mask at {choice.compared} draws:")
    named = {"best of the grid": max(grid, key=lambda one: grid[one]), "tuned": tuned, "recipe": choice.recipe}
    for name, one in named.items():
        reached = precision(cases, one, selector)
        print(
            f"  {name:17} {span((one.t_min, one.t_max)):12} {one.smoothing:g}  "
            f"{reached:.3f}, {best - reached:.3f} behind"
        )
    near = sum(value >= best - NEAR for value in grid.values())
    print(f"  {near} of {len(grid)} settings are within {NEAR}; the median has {np.median(list(grid.values())):.3f}")
    at_best = {
        bounds: max(value for one, value in grid.items() if (one.t_min, one.t_max) == bounds) for bounds in RANGES
    }
    for name in ("effect", "auc"):
        measured_by = [getattr(choice.ranges[bounds], name) for bounds in RANGES]
        reached_by = list(at_best.values())
        print(
            f"  over ranges, the best AP of any blur correlates with the {name} "
            f"{np.corrcoef(measured_by, reached_by)[0, 1]:.2f}; the range of the highest is "
            f"{best - reached_by[int(np.argmax(measured_by))]:.3f} behind at best"
        )


def _patches(choice: Choice, cases: Sequence[Masked], selector: PatchSelector, run: Run, seed: int) -> None:
    """Every size, the rest as tuned."""
    tuned = replace(choice.setting, draws=choice.compared)
    print("patch: share of pictures in which it fits best, overlap of the best patch with the mask:")
    for size, share in choice.fit.shares.items():
        reached = overlap(cases, replace(tuned, size=size), selector, run, seed)
        print(f"  {size:3} px  {share:.2f}  {reached:.3f}{'  tuned' if size == tuned.size else ''}")


def main() -> None:
    """Judge every run that is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/.tuning"))
    parser.add_argument("--pictures", type=int, default=84)
    parser.add_argument("--draws", type=int, default=48)
    arguments = parser.parse_args()
    for path in arguments.runs:
        cache = arguments.cache / path.name
        cache.mkdir(parents=True, exist_ok=True)
        judge(diffmine.load_run(path), cache, arguments.pictures, arguments.draws)


if __name__ == "__main__":
    main()
