"""Where to look and what to believe: how maps that lean on influence place patches, from one set of draws a picture.

    python benchmarks/estimators.py stored runs/quickstart
    python benchmarks/estimators.py collect runs/quickstart terms.npz --draws 54 --t-min 0.05 --t-max 0.95
    python benchmarks/estimators.py lean terms.npz more-terms.npz
    python benchmarks/estimators.py bands terms.npz more-terms.npz
    python benchmarks/estimators.py known

Patches are placed where influence + λ x agreement is highest, or another map of the two; judged by typicality there.
``stored`` compares ways to place on the maps that finished runs have kept. ``collect`` denoises the held-out pictures
of a finished run whose elements are known, under their own and under one wrong label, and keeps influence and agreement
of each antithetic pair of draws; of these terms ``lean`` does the same as ``stored`` at several numbers of draws in
[0.2, 0.8), and ``bands`` compares bands of timesteps, with errors told of the model's target, the noise or the clean
latent. ``known`` needs no run: it does both with the exact denoisers, of noise, v or a flow, of pictures that are drawn
from a known distribution.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

import diffmine
from diffmine.analysis.showing import shows
from diffmine.diffusion import LossConfig, LossScorer, other_labels
from diffmine.diffusion.loss_scorer import Weighting
from diffmine.diffusion.losses import influence
from diffmine.diffusion.schedule import error_weights
from diffmine.diffusion.scoring import Measured
from diffmine.interfaces import ModelTools, Progress
from diffmine.numerics.bootstrap import mean_interval
from diffmine.numerics.upsampling import upsample, window_means
from diffmine.numerics.windows import choose_windows
from diffmine.testing.gaussian import Prediction
from diffmine.testing.squares import COLOURS, SQUARE, draw_squares, squares_tools
from diffmine.types import Box, Picture, TypicalityMap

Array = NDArray[np.floating[Any]]
WEIGHTINGS: tuple[Weighting, ...] = ("model", "epsilon", "sample")
LEANINGS = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
USUAL = 0.1
BLUR = 0.6
TOLERANCE = 0.05


@dataclass(frozen=True)
class Maps:
    """A picture under one label, each (h, w).

    Attributes:
        influence, agreement: means over draws.
        variance: of the agreement, squared standard error.
    """

    influence: Array
    agreement: Array
    variance: Array


@dataclass(frozen=True)
class Case:
    """A picture under its own and under a wrong label.

    Attributes:
        image_id: the picture.
        influence, agreement: (2, pairs, h, w), the mean of each antithetic pair.
        fractions: (pairs,).
        weights: what turns errors of the model's target into those of each of ``WEIGHTINGS``, (weightings, pairs).
        mask: (height, width), where the own label's element is.
    """

    image_id: str
    influence: Array
    agreement: Array
    fractions: Array
    weights: Array
    mask: NDArray[np.bool_]

    def at(self, pairs: NDArray[np.int64], weighting: Weighting = "model") -> list[Maps]:
        """The blurred means of some pairs, under the own and under the wrong label."""
        weights = self.weights[WEIGHTINGS.index(weighting), pairs][:, None, None]
        first, second = (
            gaussian_filter(terms[:, pairs] * weights, BLUR, mode="nearest", axes=(2, 3))
            for terms in (self.influence, self.agreement)
        )
        return [Maps(first[label].mean(0), second[label].mean(0), noise(second[label])) for label in (0, 1)]


@dataclass(frozen=True)
class Stored:
    """What a run has kept of a picture, under its own and under a wrong label."""

    image_id: str
    both: Sequence[Maps]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Set:
    """The cases of one run, and what its recipe says of patches."""

    name: str
    cases: Sequence[Case | Stored]
    stride: int
    size: int


class Keeping(LossScorer):
    """Typicality, and every draw that it is the mean of."""

    name = "keeping"
    Config = LossConfig

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.kept: list[Measured] = []

    def gain(self, measured: Measured, label: str) -> torch.Tensor:
        if not self.kept or self.kept[-1] is not measured:
            self.kept.append(measured)
        return measured.losses[None] - measured.losses[label]

    def measures(self) -> tuple[Callable[..., torch.Tensor], ...]:
        return (influence,)


def terms(
    tools: ModelTools, pictures: Sequence[Picture], labels: Sequence[tuple[str, str]], config: LossConfig
) -> list[tuple[Array, Array, Array, Array]]:
    """Influence, agreement, fractions and weights of each picture, see :class:`Case`."""
    scorer = Keeping(config)
    scoring = scorer.open(tools)
    found: list[tuple[Array, Array, Array, Array]] = []
    for picture, (own, wrong) in zip(pictures, labels, strict=True):
        scoring.score([picture], [[own, wrong]], Progress())
        found.append(of_all(tools, scorer.kept, own, wrong))
        scorer.kept.clear()
    return found


def of_all(tools: ModelTools, parts: Sequence[Measured], own: str, wrong: str) -> tuple[Array, Array, Array, Array]:
    """The terms of one picture, whose draws were scored in parts, in the order of timesteps; see :class:`Case`."""

    def joined(values: Callable[[Measured], torch.Tensor]) -> torch.Tensor:
        return torch.cat([values(one) for one in parts], dim=-3)

    moved = joined(lambda one: torch.stack([one.further[influence][label] for label in (own, wrong)]))
    gain = joined(lambda one: torch.stack([one.losses[None] - one.losses[label] for label in (own, wrong)]))
    fractions = torch.cat([one.fractions for one in parts])[::2]
    timesteps = tools.denoiser.timesteps(fractions.to(tools.denoiser.device))
    weights = torch.stack([error_weights(tools.denoiser, timesteps, name).cpu() for name in WEIGHTINGS])
    pairs = [(terms[:, 0::2] + terms[:, 1::2]) / 2 for terms in (moved, gain - moved)]
    order = fractions.argsort()
    return pairs[0][:, order].numpy(), pairs[1][:, order].numpy(), fractions[order].numpy(), weights[:, order].numpy()


def collect(run_path: str, out: Path, draws: int, t_min: float, t_max: float, limit: int | None, size: int) -> None:
    """Write the terms of a run's evaluated pictures."""
    run = diffmine.load_run(run_path)
    tools = run.tools("cpu")
    records = [record for record in run.records.values() if record.evaluated]
    if limit is not None:
        records = records[:: max(1, len(records) // limit)][:limit]
    pictures = [Picture(record, np.asarray(run.picture(record.image_id))) for record in records]
    labels = [(record.labels[0], other_labels(record, run.labels, 1, tools.seed)[0]) for record in records]
    config = LossConfig(draws=draws, t_min=t_min, t_max=t_max, timesteps="stratified", antithetic=True, batch_size=48)
    first, second, fractions, weights = zip(*terms(tools, pictures, labels, config), strict=True)
    masks = [run.masks(record.image_id)[own] for record, (own, _) in zip(records, labels, strict=True)]
    np.savez_compressed(
        out,
        name=run.path.name,
        stride=tools.denoiser.stride,
        size=size,
        image_ids=[record.image_id for record in records],
        influence=np.stack(first),
        agreement=np.stack(second),
        fractions=np.stack(fractions),
        weights=np.stack(weights),
        masks=np.stack(masks),
    )


def read(path: Path) -> Set:
    """What ``collect`` wrote."""
    with np.load(path) as file:
        kept = [file[name] for name in ("image_ids", "influence", "agreement", "fractions", "weights", "masks")]
        cases = [Case(str(one[0]), *one[1:]) for one in zip(*kept, strict=True)]
        return Set(str(file["name"]), cases, int(file["stride"]), int(file["size"]))


Place = Callable[[Maps], Array]
"""The map that places patches, (h, w)."""


def lean(weight: float) -> Place:
    """Influence and a fixed share of the agreement."""
    return lambda maps: maps.influence + weight * maps.agreement


def noise(values: Array) -> Array:
    """Squared standard error of the mean of stratified pairs, (h, w); infinite of a single one."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.inf, dtype=np.float32)
    squared: Array = np.square(np.diff(values, axis=0)).sum(0) / (2 * (len(values) - 1) * len(values))
    return squared


def by_map(maps: Maps) -> Array:
    """Empirical Bayes over the cells of a map: the share of the agreement's variance that is no noise of draws."""
    return lean(max(0.0, 1 - float(maps.variance.mean() / np.square(maps.agreement).mean())))(maps)


def by_cell(maps: Maps) -> Array:
    """The same, cell by cell, with a signal's variance that is in proportion to influence."""
    signal = max(0.0, float((np.square(maps.agreement) - maps.variance).mean() / maps.influence.mean()))
    share = signal * maps.influence / (signal * maps.influence + maps.variance + 1e-12)
    found: Array = maps.influence + share * maps.agreement
    return found


def james_stein(maps: Maps) -> Array:
    """Shrinks towards 0: 1 - (cells - 2) / sum of squared z-scores, not below 0 (James and Stein 1961)."""
    squared = float((np.square(maps.agreement) / np.maximum(maps.variance, 1e-20)).sum())
    return lean(max(0.0, 1 - (maps.agreement.size - 2) / max(squared, 1e-20)))(maps)


def blurred(weight: float, cells: float, sharp: float = 0.0) -> Place:
    """Some of the agreement around, blurred: it is of a region, its noise of a cell; and a share of it as it is."""

    def place(maps: Maps) -> Array:
        around: Array = gaussian_filter(maps.agreement, cells, mode="nearest")
        found: Array = maps.influence + sharp * maps.agreement + weight * around
        return found

    return place


def fitting(maps: Maps) -> Array:
    """Influence times the probability that typicality around, blurred over two cells, is above zero, by its error."""
    around = gaussian_filter(maps.influence + maps.agreement, 2.0, mode="nearest")
    variance = gaussian_filter(maps.variance, 2.0, mode="nearest") * BLUR**2 / (BLUR**2 + 2.0**2)  # white noise
    found: Array = maps.influence * norm.cdf(around / np.sqrt(variance + 1e-20))
    return found


PLACES: Mapping[str, Place] = {
    **{f"{weight:g}": lean(weight) for weight in LEANINGS},
    "by map": by_map,
    "by cell": by_cell,
    "James–Stein": james_stein,
    "0.25, blurred by 1": blurred(0.25, 1.0),
    "0.25, blurred by 2": blurred(0.25, 2.0),
    "0.5, blurred by 2": blurred(0.5, 2.0),
    "0.1 and 0.15, blurred by 2": blurred(0.15, 2.0, sharp=0.1),
    "fitting": fitting,
}


@dataclass(frozen=True)
class Found:
    """One picture, placed by one map; see ``table`` for the figures."""

    image_id: str
    precision: float | None
    pointing: float | None
    shown: float | None
    own: float
    wrong: float


def best(image: Array, size: int) -> Box:
    """The best window."""
    return choose_windows([window_means(image, size)], (size,), 1)[0][1]


def measure(one: Set, case: Case | Stored, both: Sequence[Maps], place: Place) -> Found:
    """Place by a map, judge by typicality there; ``both``: under the own and under the wrong label."""
    height, width = case.mask.shape
    values, precision, pointing, shown = [], None, None, None
    for label, maps in enumerate(both):
        image = upsample(place(maps).astype(np.float32), one.stride, height, width)
        box = best(image, one.size)
        typicality = upsample((maps.influence + maps.agreement).astype(np.float32), one.stride, height, width)
        values.append(float(typicality[box.slices()].mean()))
        if label == 0 and case.mask.any():
            near = distance_transform_edt(~case.mask) <= TOLERANCE * min(case.mask.shape)
            precision = float(average_precision_score(case.mask.ravel(), image.ravel()))
            pointing = float(near[image == image.max()].mean())
            shown = float(shows(case.mask, box))
    return Found(case.image_id, precision, pointing, shown, values[0], values[1])


def spread(pairs: NDArray[np.int64], draws: int) -> NDArray[np.int64]:
    """Evenly spaced pairs of the given ones, ``draws`` draws of them."""
    chosen: NDArray[np.int64] = pairs[np.linspace(0, len(pairs) - 1e-6, draws // 2 + 1)[:-1].astype(int)]
    return chosen


def within(case: Case, low: float, high: float) -> NDArray[np.int64]:
    """The pairs of a band of timesteps."""
    return np.flatnonzero((case.fractions >= low) & (case.fractions < high))


def row(found: Sequence[Found], usual: Sequence[Found]) -> str:
    """The figures of ``HEADER``; ``usual``: the same pictures placed as is the default."""
    with_it = [one for one in found if one.precision is not None]
    without = [one.own for one in found if one.precision is None]
    images = [one.image_id for one in with_it]
    precision = [one.precision or 0.0 for one in with_it]
    before = [one.precision or 0.0 for one in usual if one.precision is not None]
    gained = [one - other for one, other in zip(precision, before, strict=True)]
    values = [
        with_interval(precision, images),
        with_interval(gained, images, sign="+"),
        f"{np.mean([one.pointing or 0 for one in with_it]):.3f}",
        f"{np.mean([one.shown or 0 for one in with_it]):.3f}",
        f"{auc([one.own for one in with_it], without):.3f}" if without else "",
        f"{auc([one.own for one in with_it], [one.wrong for one in with_it]):.3f}",
    ]
    return " | ".join(values)


def with_interval(values: Sequence[float], images: Sequence[str], sign: str = "") -> str:
    """Mean and 95 % bootstrap interval over pictures."""
    interval = mean_interval(values, images, "estimators")
    bounds = "" if interval is None else f" [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"
    return f"{np.mean(values):{sign}.3f}{bounds}"


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score([1] * len(higher) + [0] * len(lower), [*higher, *lower]))


HEADER = "pixel AP | AP beyond λ = 0.1 | pointing | patch precision | with / without, AUC | own / wrong label, AUC |"


Chosen = Callable[[Case | Stored], Sequence[Maps]]
"""What is looked at of a picture."""


def places_table(sets: Sequence[Set], chosen: Chosen, start: str = "") -> None:
    """Every leaning, over all pictures of the sets."""

    def all_of(place: Place) -> list[Found]:
        return [measure(one, case, chosen(case), place) for one in sets for case in one.cases]

    usual = all_of(lean(USUAL))
    for name, place in PLACES.items():
        print(f"{start}| {name} | {row(all_of(place), usual)} |", flush=True)


def lean_table(sets: Sequence[Set], draws: Sequence[int]) -> None:
    """Every leaning at every number of draws."""
    print(f"| draws | λ | {HEADER}\n|---|---|---|---|---|---|---|---|")
    for count in draws:

        def some(case: Case | Stored, count: int = count) -> Sequence[Maps]:
            assert isinstance(case, Case)
            return case.at(spread(within(case, 0.2, 0.8), count))

        places_table(sets, some, f"| {count} ")


def stored_table(sets: Sequence[Set]) -> None:
    """Every leaning, of the maps that were kept."""

    def all_of_it(case: Case | Stored) -> Sequence[Maps]:
        assert isinstance(case, Stored)
        return case.both

    print(f"| λ | {HEADER}\n|---|---|---|---|---|---|---|")
    places_table(sets, all_of_it)


def stored(run_path: str) -> Set:
    """The maps that a run has kept of its evaluated pictures; of its own draws and smoothing."""
    run = diffmine.load_run(run_path)
    cases = []
    for record in run.records.values():
        if record.evaluated:
            own = record.labels[0]
            (wrong,) = (label for label in run.maps.labels(record.image_id) if label != own)
            both = [kept(run.maps.load(record.image_id, label)) for label in (own, wrong)]
            cases.append(Stored(record.image_id, both, run.masks(record.image_id)[own]))
    return Set(run.path.name, cases, run.stride, run.recipe.tables["patches"]["size"])


def kept(one: TypicalityMap) -> Maps:
    """A stored map; influence has next to no noise, so that typicality's error is the agreement's."""
    assert one.influence is not None
    assert one.stderr is not None
    return Maps(one.influence, one.mean - one.influence, np.square(one.stderr.astype(np.float32)))


def band_table(sets: Sequence[Set]) -> None:
    """Bands of timesteps and ways to tell errors; all draws of a band."""
    bands = [(round(0.05 + 0.1 * step, 2), round(0.15 + 0.1 * step, 2)) for step in range(9)]
    for weighting in WEIGHTINGS:
        print(f"\nerrors of {weighting}\n\n| timesteps | λ | {HEADER}\n|---|---|---|---|---|---|---|---|")
        for weight, (low, high) in product((1.0, USUAL), [*bands, (0.05, 0.95), (0.1, 0.7), (0.2, 0.8)]):
            both = [
                (one, case, case.at(within(case, low, high), weighting))
                for one in sets
                for case in one.cases
                if isinstance(case, Case)
            ]
            found, usual = (
                [measure(one, case, maps, lean(weighed)) for one, case, maps in both] for weighed in (weight, USUAL)
            )
            print(f"| {low:.2f}–{high:.2f} | {weight:g} | {row(found, usual)} |", flush=True)


def known(count: int, draws: Sequence[int], kinds: Sequence[Prediction]) -> None:
    """``lean`` and ``bands`` where the best prediction is known, for models of noise, of v and of a flow."""
    pictures, masks = draw_squares(count)
    labels = [(one.record.labels[0], other_labels(one.record, tuple(COLOURS), 1, 0)[0]) for one in pictures]
    for prediction in kinds:
        tools = squares_tools(prediction)
        config = LossConfig(
            draws=max(draws) * 3 // 2, t_min=0.05, t_max=0.95, timesteps="stratified", antithetic=True, batch_size=512
        )
        cases = [
            Case(one.record.image_id, *its_terms, mask)
            for one, its_terms, mask in zip(pictures, terms(tools, pictures, labels, config), masks, strict=True)
        ]
        print(f"\n## {prediction}\n")
        lean_table([Set(prediction, cases, 1, SQUARE)], draws)
        band_table([Set(prediction, cases, 1, SQUARE)])


def main() -> None:
    """See the module."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("run")
    collecting.add_argument("out", type=Path)
    collecting.add_argument("--draws", type=int, default=54)
    collecting.add_argument("--t-min", type=float, default=0.05)
    collecting.add_argument("--t-max", type=float, default=0.95)
    collecting.add_argument("--limit", type=int)
    collecting.add_argument("--size", type=int, default=16, help="side of a patch")
    commands.add_parser("stored").add_argument("runs", nargs="+")
    for name in ("lean", "bands"):
        reading = commands.add_parser(name)
        reading.add_argument("terms", type=Path, nargs="+")
        reading.add_argument("--draws", type=int, nargs="+", default=[4, 8, 16, 36])
    knowing = commands.add_parser("known")
    knowing.add_argument("--pictures", type=int, default=90)
    knowing.add_argument("--kinds", nargs="+", choices=get_args(Prediction), default=["epsilon", "flow"])
    knowing.add_argument("--draws", type=int, nargs="+", default=[4, 16, 64])
    asked = parser.parse_args()
    if asked.command == "collect":
        collect(asked.run, asked.out, asked.draws, asked.t_min, asked.t_max, asked.limit, asked.size)
    elif asked.command == "known":
        known(asked.pictures, asked.draws, asked.kinds)
    elif asked.command == "stored":
        stored_table([stored(path) for path in asked.runs])
    elif asked.command == "lean":
        lean_table([read(path) for path in asked.terms], asked.draws)
    else:
        band_table([read(path) for path in asked.terms])


if __name__ == "__main__":
    main()
