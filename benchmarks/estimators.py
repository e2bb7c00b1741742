"""Where to look and what to believe: how maps that lean on influence place patches, from one set of draws a picture.

    python benchmarks/estimators.py collect runs/quickstart terms.npz --draws 54 --t-min 0.05 --t-max 0.95
    python benchmarks/estimators.py lean terms.npz more-terms.npz
    python benchmarks/estimators.py bands terms.npz more-terms.npz
    python benchmarks/estimators.py known

``collect`` denoises the held-out pictures of a finished run whose elements are known, under their own and under one
wrong label, and keeps influence and agreement of each antithetic pair of draws. All that follows is made of these
terms: ``lean`` compares how much of the agreement to add, at several numbers of draws in [0.2, 0.8), fixed or
estimated; ``bands`` compares bands of timesteps, with errors told of the model's target, the noise or the clean latent.
``known`` needs no run: it does both with the exact denoisers, of noise, v and a flow, of pictures that are drawn from a
known distribution.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from sklearn.metrics import average_precision_score, roc_auc_score

import diffmine
from diffmine.analysis.showing import shows
from diffmine.builtin.selectors.greedy import choose
from diffmine.diffusion import LossConfig, LossScorer, other_labels
from diffmine.diffusion.losses import influence
from diffmine.diffusion.schedule import error_weights
from diffmine.diffusion.scoring import Measured
from diffmine.interfaces import Conditioning, ModelTools, Progress
from diffmine.numerics.bootstrap import mean_interval
from diffmine.numerics.upsampling import upsample, window_means
from diffmine.testing.gaussian import GaussianDenoiser, GaussianMeans, GaussianModel, Prediction
from diffmine.types import Box, ImageRecord, Picture

Array = NDArray[np.float32]
WEIGHTINGS = ("model", "epsilon", "sample")
LEANINGS = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
BLUR = 0.6
TOLERANCE = 0.05


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

    def at(self, pairs: NDArray[np.int64], weighting: str = "model") -> tuple[Array, Array]:
        """Blurred influence and agreement of some pairs, each (2, pairs, h, w)."""
        weights = self.weights[WEIGHTINGS.index(weighting), pairs][:, None, None]
        first, second = (
            gaussian_filter(terms[:, pairs] * weights, BLUR, mode="nearest", axes=(2, 3))
            for terms in (self.influence, self.agreement)
        )
        return first, second


@dataclass(frozen=True)
class Set:
    """The cases of one run, and what its recipe says of patches."""

    name: str
    cases: Sequence[Case]
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
    found = []
    for picture, (own, wrong) in zip(pictures, labels, strict=True):
        scoring.score([picture], [[own, wrong]], Progress())
        measured = scorer.kept.pop()
        moved = torch.stack([measured.further[influence][label] for label in (own, wrong)])
        gain = torch.stack([measured.losses[None] - measured.losses[label] for label in (own, wrong)])
        timesteps = tools.denoiser.timesteps(measured.fractions[::2].to(tools.denoiser.device))
        weights = torch.stack([error_weights(tools.denoiser, timesteps, name).cpu() for name in WEIGHTINGS])
        pairs = [(terms[:, 0::2] + terms[:, 1::2]).numpy() / 2 for terms in (moved, gain - moved)]
        found.append((pairs[0], pairs[1], measured.fractions[::2].numpy(), weights.numpy()))
    return found


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


Lean = Callable[[Array, Array], Array | float]
"""How much of the agreement to add, a number or a map, from influence and agreement of pairs, each (pairs, h, w)."""


def fixed(weight: float) -> Lean:
    """Always the same."""
    return lambda _first, _second: weight


def error(values: Array) -> Array:
    """Squared standard error of the mean of stratified pairs, (h, w)."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.inf, dtype=np.float32)
    squared: Array = np.square(np.diff(values, axis=0)).sum(0) / (2 * (len(values) - 1) * len(values))
    return squared


def by_map(first: Array, second: Array) -> float:
    """Empirical Bayes over the cells of a map: the share of the agreement's variance that is no noise of draws."""
    power = float(np.square(second.mean(0)).mean())
    return max(0.0, 1 - float(error(second).mean()) / power)


def by_cell(first: Array, second: Array) -> Array:
    """The same, cell by cell, with a signal's variance that is in proportion to influence."""
    noise, moved = error(second), first.mean(0)
    signal = max(0.0, float(np.square(second.mean(0)).mean() - noise.mean())) / max(float(moved.mean()), 1e-12)
    share: Array = signal * moved / (signal * moved + noise + 1e-12)
    return share


def james_stein(first: Array, second: Array) -> float:
    """Shrinks towards 0: 1 - (cells - 2) / sum of squared z-scores, not below 0 (James and Stein 1961)."""
    squared = float((np.square(second.mean(0)) / np.maximum(error(second), 1e-20)).sum())
    return max(0.0, 1 - (second[0].size - 2) / squared) if np.isfinite(squared) and squared > 0 else 0.0


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
    return choose([window_means(image, size)], (size,), 1)[0][1]


def measure(one: Set, case: Case, pairs: NDArray[np.int64], lean: Lean, weighting: str = "model") -> Found:
    """Place by influence + lean x agreement, judge by typicality there."""
    height, width = case.mask.shape
    first, second = case.at(pairs, weighting)
    values, precision, pointing, shown = [], None, None, None
    for label in (0, 1):
        moved, agreed = first[label].mean(0), second[label].mean(0)
        grid = moved + lean(first[label], second[label]) * agreed
        image = upsample(grid, one.stride, height, width)
        box = best(image, one.size)
        values.append(float(upsample(moved + agreed, one.stride, height, width)[box.slices()].mean()))
        if label == 0 and case.mask.any():
            near = distance_transform_edt(~case.mask) <= TOLERANCE * min(case.mask.shape)
            precision = float(average_precision_score(case.mask.ravel(), image.ravel()))
            pointing = float(near[image == image.max()].mean())
            shown = float(shows(case.mask, box))
    return Found(case.image_id, precision, pointing, shown, values[0], values[1])


def spread(pairs: NDArray[np.int64], draws: int) -> NDArray[np.int64]:
    """Evenly spaced pairs of the given ones, ``draws`` draws of them."""
    return pairs[np.linspace(0, len(pairs) - 1e-6, draws // 2 + 1)[:-1].astype(int)]


def within(case: Case, low: float, high: float) -> NDArray[np.int64]:
    """The pairs of a band of timesteps."""
    return np.flatnonzero((case.fractions >= low) & (case.fractions < high))


def row(found: Sequence[Found]) -> str:
    """AP, pointing, patch precision, AUC with against without, AUC own against wrong; the first with its interval."""
    with_it = [one for one in found if one.precision is not None]
    without = [one.own for one in found if one.precision is None]
    precision = [float(one.precision or 0) for one in with_it]
    interval = mean_interval(precision, [one.image_id for one in with_it], "estimators")
    values = [
        f"{np.mean(precision):.3f}" + (f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else ""),
        f"{np.mean([one.pointing or 0 for one in with_it]):.3f}",
        f"{np.mean([one.shown or 0 for one in with_it]):.3f}",
        f"{auc([one.own for one in with_it], without):.3f}" if without else "",
        f"{auc([one.own for one in with_it], [one.wrong for one in with_it]):.3f}",
    ]
    return " | ".join(values)


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score([1] * len(higher) + [0] * len(lower), [*higher, *lower]))


HEADER = "pixel AP | pointing | patch precision | with / without, AUC | own / wrong label, AUC |"


def lean_table(sets: Sequence[Set], draws: Sequence[int]) -> None:
    """Every leaning at every number of draws, over all pictures of the sets."""
    leanings: Mapping[str, Lean] = {
        **{f"{weight:g}": fixed(weight) for weight in LEANINGS},
        "by map": by_map,
        "by cell": by_cell,
        "James-Stein": james_stein,
    }
    print(f"| draws | λ | {HEADER}\n|---|---|---|---|---|---|---|")
    for count in draws:
        for name, lean in leanings.items():
            found = [
                measure(one, case, spread(within(case, 0.2, 0.8), count), lean) for one in sets for case in one.cases
            ]
            print(f"| {count} | {name} | {row(found)} |", flush=True)


def band_table(sets: Sequence[Set]) -> None:
    """Bands of timesteps and ways to tell errors; all draws of a band."""
    bands = [(round(0.05 + 0.1 * step, 2), round(0.15 + 0.1 * step, 2)) for step in range(9)]
    for weight, weighting in [(weight, name) for weight in (1.0, 0.1) for name in WEIGHTINGS]:
        print(f"\nλ = {weight:g}, errors of {weighting}\n\n| timesteps | {HEADER}\n|---|---|---|---|---|---|")
        for low, high in [*bands, (0.05, 0.95), (0.1, 0.7), (0.2, 0.8)]:
            found = [
                measure(one, case, within(case, low, high), fixed(weight), weighting)
                for one in sets
                for case in one.cases
            ]
            print(f"| {low:.2f}–{high:.2f} | {row(found)} |", flush=True)


SIDE, SQUARE, LABELS = 16, 4, ("blue", "green", "red")
COLOURS = {"blue": (-0.3, 0.0, 0.3), "green": (-0.1, 0.35, -0.1), "red": (0.35, -0.1, -0.1)}
EMPTY = 0.2
"""Share of a label's pictures that have no square."""


class Squares(GaussianDenoiser):
    """The exact denoiser of noise with a square of the label's colour anywhere: a mixture over places.

    With mu_k the picture's mean where the square is at place k, pi_k its probability and v = a^2 s^2 + b^2, a place's
    posterior is in proportion to pi_k exp(-|x_t - a mu_k|^2 / 2 v), and the best prediction of x is the mean over it of
    mu_k + (a s^2 / v) (x_t - a mu_k). The null condition's mixture is over the labels as well.
    """

    def __init__(self, prediction: Prediction) -> None:
        super().__init__(prediction, 0.3, 1, torch.device("cpu"))
        reach = SIDE - SQUARE + 1
        self.places = torch.zeros(reach * reach, SIDE, SIDE)
        for place in range(reach * reach):
            y, x = divmod(place, reach)
            self.places[place, y : y + SQUARE, x : x + SQUARE] = 1
        empty = torch.zeros(1, 3, SIDE, SIDE)
        self.means = torch.cat(
            [empty, *(self.places[:, None] * torch.tensor(COLOURS[label])[:, None, None] for label in LABELS)]
        ).flatten(1)
        count = len(self.places)
        label = torch.cat([torch.tensor([-1]), torch.arange(len(LABELS)).repeat_interleave(count)])
        self.prior = torch.full((len(LABELS) + 1, len(self.means)), -torch.inf)
        self.prior[:, 0] = np.log(EMPTY)
        self.prior[0, 1:] = np.log((1 - EMPTY) / count / len(LABELS))
        for number in range(len(LABELS)):
            self.prior[number + 1, label == number] = np.log((1 - EMPTY) / count)

    def predict(self, noisy: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        a, b = self.scales(timesteps)
        variance = (a**2 * self.spread**2 + b**2).flatten(1)
        flat, scale = noisy.flatten(1), a.flatten(1)
        prior = self.prior[conditioning.tokens[:, 0, 0].round().long()]
        fit = scale * (flat @ self.means.T) - scale**2 * self.means.square().sum(1) / 2
        mean = (prior + fit / variance).softmax(1) @ self.means
        clean = (mean + scale * self.spread**2 / variance * (flat - scale * mean)).view_as(noisy)
        noise = (noisy - a * clean) / b
        return {"epsilon": noise, "v_prediction": a * noise - b * clean, "flow": noise - clean}[self.prediction]


class SquaresModel(GaussianModel):
    """A recipe's model that loads ``Squares``."""

    def load(self, device: torch.device, *, folder: Path | None = None) -> Squares:
        return Squares(self.config.prediction)


def squares(count: int) -> tuple[list[Picture], list[NDArray[np.bool_]]]:
    """Pictures drawn from the mixture, and where their squares are."""
    rng, denoiser = np.random.default_rng(0), Squares("epsilon")
    pictures, masks = [], []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        mask = denoiser.places[rng.integers(len(denoiser.places))].numpy() * float(rng.random() >= EMPTY)
        values = mask[..., None] * np.array(COLOURS[label]) + 0.3 * rng.standard_normal((SIDE, SIDE, 3))
        pixels = ((values + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        record = ImageRecord(digest[:20], f"{number}.png", (label,), SIDE, SIDE, digest, "heldout")
        pictures.append(Picture(record, pixels))
        masks.append(mask > 0)
    return pictures, masks


def known(count: int, draws: Sequence[int]) -> None:
    """``lean`` and ``bands`` where the best prediction is known, for models of noise, of v and of a flow."""
    pictures, masks = squares(count)
    labels = [(one.record.labels[0], other_labels(one.record, LABELS, 1, 0)[0]) for one in pictures]
    means = {label: (float(number + 1), 0.0, 0.0) for number, label in enumerate(LABELS)}
    for prediction in get_args(Prediction):
        model = SquaresModel(SquaresModel.Config(prediction=prediction))
        tools = ModelTools(
            model, GaussianMeans(GaussianMeans.Config(means=means)), device="cpu", seed=0, labels=LABELS, folder=None
        )
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
    for name in ("lean", "bands"):
        reading = commands.add_parser(name)
        reading.add_argument("terms", type=Path, nargs="+")
        reading.add_argument("--draws", type=int, nargs="+", default=[4, 8, 16, 36])
    knowing = commands.add_parser("known")
    knowing.add_argument("--pictures", type=int, default=120)
    knowing.add_argument("--draws", type=int, nargs="+", default=[4, 16, 100])
    asked = parser.parse_args()
    if asked.command == "collect":
        collect(asked.run, asked.out, asked.draws, asked.t_min, asked.t_max, asked.limit, asked.size)
    elif asked.command == "known":
        known(asked.pictures, asked.draws)
    elif asked.command == "lean":
        lean_table([read(path) for path in asked.terms], asked.draws)
    else:
        band_table([read(path) for path in asked.terms])


if __name__ == "__main__":
    main()
