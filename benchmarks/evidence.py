"""Do the bounds of how many patches are typical hold where patches of a picture are alike, and how much do they find?

Each picture has 16 places, whose values share a part (their correlation), and its three best are its patches; of some
pictures one place is raised by 4 standard deviations. Null pictures are made alike. A bound is wrong if it says of
any set more than is there: just if it says anything of all patches that were not raised. Beside the bounds that
diffmine tells: closed testing with Simes' tests (all-resolutions inference, Hommel's h over all patches), of p-values
against all null patches, and against the best one of each null picture; and Benjamini and Hochberg's q-values.

    python benchmarks/evidence.py
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.false_discoveries import chance_limits, true_discoveries
from diffmine.numerics.significance import FALSE_DISCOVERIES, benjamini_hochberg, empirical_p_values

PLACES, PATCHES, SIGNAL, CLUSTER = 16, 3, 4.0, 15
SIZES = ((12, 60), (40, 40), (106, 118), (200, 20))
CORRELATIONS, SHARES = (0.0, 0.5, 0.95), (0.0, 0.3, 0.8)
COLUMNS = (
    "pictures, nulls", "correlation", "raised", "wrong: ours", "Simes, all", "Simes, best",
    "found of all: ours", "Simes, all", "Simes, best", "of clusters of 15: ours", "Simes, all", "Simes, best",
    "q ≤ 0.05: false", "found",
)  # fmt: skip

Values = NDArray[np.float64]


def hommel_value(p_values: Values, alpha: float = FALSE_DISCOVERIES) -> int:
    """Hommel's h: the size of the largest set that Simes' test does not reject (Goeman et al., Biometrika 2019)."""
    p = np.sort(p_values)
    if p[-1] <= alpha:
        return 0
    low = np.flatnonzero(p < alpha)
    bounds = (len(p) - 1 - low) * alpha / (alpha - p[low])
    return int(min(len(p), np.ceil(bounds.min(initial=np.inf)) - 1)) if len(low) else len(p)


def simes_discoveries(p_values: Values, hommel: int, alpha: float = FALSE_DISCOVERIES) -> int:
    """The bound of closed testing with Simes' tests, by its shortcut (Rosenblatt et al. 2018)."""
    p, u = np.sort(p_values), np.arange(1, len(p_values) + 1)
    return int((1 - u + np.searchsorted(hommel * p, u * alpha, side="right")).max(initial=0))


def pictures(generator: np.random.Generator, count: int, raised: int, correlation: float) -> tuple[Values, Values]:
    """Values of the three best places of each picture, and which of them were raised, both (count, 3)."""
    own, places = generator.normal(size=(count, 1)), generator.normal(size=(count, PLACES))
    values = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * places
    values[:raised, 0] += SIGNAL
    order = np.argsort(-values, axis=1)[:, :PATCHES]
    return np.take_along_axis(values, order, 1), (order == 0) & (np.arange(count) < raised)[:, None]


def once(seed: int, count: int, nulls: int, correlation: float, share: float) -> list[float]:
    """One simulation: for each bound whether it is wrong, what it finds of all and of clusters; false and found."""
    generator = np.random.default_rng(seed)
    observed, is_raised = pictures(generator, count, round(share * count), correlation)
    null, _ = pictures(generator, nulls, 0, correlation)
    values, true = observed.ravel(), is_raised.ravel()
    names, limits = np.repeat(np.arange(count), PATCHES).astype(str), chance_limits(count, nulls)
    above = (null[:, :1] >= values).sum(axis=0)
    p_values = [empirical_p_values(values, null.ravel()), empirical_p_values(values, null[:, 0])]
    hommel = [hommel_value(p) for p in p_values]
    shuffled = generator.permutation(np.flatnonzero(true))
    clusters = [shuffled[start : start + CLUSTER] for start in range(0, len(shuffled), CLUSTER)]

    def bounds(rows: NDArray[np.int64]) -> Values:
        simes = [simes_discoveries(p[rows], h) for p, h in zip(p_values, hommel, strict=True)]
        return np.array([true_discoveries(above[rows], names[rows].tolist(), limits), *simes])

    wrong = bounds(np.flatnonzero(~true)) > 0
    everything = bounds(np.flatnonzero(true)) / max(1, true.sum())
    parts = np.sum([bounds(one) for one in clusters], axis=0) / max(1, true.sum()) if clusters else np.zeros(3)
    chosen = benjamini_hochberg(p_values[0]) <= FALSE_DISCOVERIES
    false = (chosen & ~true).sum() / max(1, chosen.sum())
    return [*wrong, *everything, *parts, false, (chosen & true).sum() / max(1, true.sum())]


def main() -> None:
    """Print a row for each setting: means over the simulations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for (count, nulls), correlation, share in product(SIZES, CORRELATIONS, SHARES):
        runs = [once(seed, count, nulls, correlation, share) for seed in range(options.simulations)]
        figures = [f"{figure:.3f}" for figure in np.mean(runs, axis=0)]
        print("|", " | ".join([f"{count}, {nulls}", f"{correlation}", f"{share}", *figures]), "|", flush=True)


if __name__ == "__main__":
    main()
