"""Do two runs over the same pictures find the same patches and the same clusters?

Runs are compared label by label on shared patches: patches of both that overlap by at least half (intersection over
union), paired one to one. An outlier is alone in its cluster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.matching import ClusterMatch, match_clusters
from diffmine.errors import DataError
from diffmine.types import OUTLIER, Box, Patch

if TYPE_CHECKING:
    from diffmine.runs.contents import LabelClusters
    from diffmine.runs.run import Run

SAME_PLACE = 0.5
ENOUGH = 0.1
"""Share of patches in common from which clusters are compared."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two runs agree; means over labels, weighted by shared patches.

    Attributes:
        common: share of selected patches that both runs have, 2 * shared / (first + second), in [0, 1].
        shared: number of patches that both have.
        adjusted_rand: adjusted Rand index of the clusters of shared patches, at most 1, 0 by chance.
        mutual_information: normalised mutual information of the same, in [0, 1].
        rank_correlation: Spearman's, over pictures under their labels, of the typicality of the best patch, in [-1, 1];
            NaN with fewer than three that both runs have patches of.
        matches: what became of each cluster.

    Where fewer than a tenth of the patches are shared, clusters cannot be compared: the first two are NaN, and there
    are no matches.
    """

    common: float
    shared: int
    adjusted_rand: float
    mutual_information: float
    rank_correlation: float
    matches: tuple[ClusterMatch, ...]


def compare_runs(first: Run, second: Run) -> Agreement:
    """Compare the selected patches and the clusters of two runs.

    Raises:
        DataError: they are not about the same pictures.
    """
    require_same_images(first, second)
    sides = [first.contents.own, second.contents.own]
    labels = sorted({label for side in sides for label in side})
    totals = np.zeros(3)
    matches: list[ClusterMatch] = []
    for label in labels:
        patches = [side[label].patches if label in side else () for side in sides]
        clusters = [side[label].cluster.tolist() if label in side else [] for side in sides]
        pairs = shared_patches(*patches)
        ids = [clusters[0][i] for i, _ in pairs], [clusters[1][j] for _, j in pairs]
        totals += len(pairs) * np.array([1.0, *agreement_of(*ids)]) if pairs else 0.0
        matches += match_clusters(label, *ids, (clusters[0], clusters[1]))
    selected = sum(len(one.patches) for side in sides for one in side.values())
    shared = int(totals[0])
    common = 2 * shared / selected if selected else 0.0
    comparable = common >= ENOUGH
    return Agreement(
        common=common,
        shared=shared,
        adjusted_rand=float(totals[1] / shared) if comparable else float("nan"),
        mutual_information=float(totals[2] / shared) if comparable else float("nan"),
        rank_correlation=rank_correlation(*(_best_of_pictures(side) for side in sides)),
        matches=tuple(matches) if comparable else (),
    )


def rank_correlation(first: Mapping[tuple[str, str], float], second: Mapping[tuple[str, str], float]) -> float:
    """Spearman's rank correlation over the keys of both; NaN with fewer than three, or where all values are equal."""
    from scipy.stats import rankdata

    keys = sorted(first.keys() & second.keys())
    if len(keys) < 3:
        return float("nan")
    ranks = [rankdata([side[key] for key in keys]) for side in (first, second)]
    if min(side.std() for side in ranks) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _best_of_pictures(side: Mapping[str, LabelClusters]) -> dict[tuple[str, str], float]:
    """(label, image_id) -> typicality of its best patch."""
    best: dict[tuple[str, str], float] = {}
    for label, own in side.items():
        for patch in own.patches:
            key = label, patch.image_id
            best[key] = max(patch.typicality, best.get(key, -np.inf))
    return best


def require_same_images(first: Run, second: Run) -> None:
    """Comparison needs the same pictures, by the digests of their content.

    Raises:
        DataError: they differ, with how many.
    """
    left, right = (set(run.images["digest"].to_pylist()) for run in (first, second))
    if left != right:
        raise DataError(
            f"{first.path} and {second.path} are not about the same pictures: {len(left - right)} are only in the "
            f"first, {len(right - left)} only in the second; compare runs of one dataset, per_label and image_size"
        )


def shared_patches(first: Sequence[Patch], second: Sequence[Patch]) -> list[tuple[int, int]]:
    """Pairs of positions of patches of one label that show the same place of the same image.

    Within an image the pairs of the largest total overlap are taken, each patch at most once.
    """
    from scipy.optimize import linear_sum_assignment

    places: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, patches in enumerate((first, second)):
        for position, patch in enumerate(patches):
            places[patch.image_id][side].append(position)
    pairs = []
    for left, right in places.values():
        overlaps = np.array([[overlap(first[i].box, second[j].box) for j in right] for i in left]).reshape(
            len(left), len(right)
        )
        overlaps[overlaps < SAME_PLACE] = 0
        for row, column in zip(*linear_sum_assignment(overlaps, maximize=True), strict=True):
            if overlaps[row, column] > 0:
                pairs.append((left[row], right[column]))
    return sorted(pairs)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]."""
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    intersection = max(0, height) * max(0, width)
    return intersection / (one.area + other.area - intersection)


def agreement_of(first: Sequence[int], second: Sequence[int]) -> tuple[float, float]:
    """Adjusted Rand index and normalised mutual information of two clusterings of the same patches.

    Args:
        first, second: cluster ids; every -1 is a cluster of its own.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    one, other = _outliers_alone(first), _outliers_alone(second)
    return float(adjusted_rand_score(one, other)), float(normalized_mutual_info_score(one, other))


def _outliers_alone(ids: Sequence[int]) -> NDArray[np.int64]:
    column = np.asarray(ids, dtype=np.int64)
    alone = column == OUTLIER
    return np.where(alone, -1 - np.arange(len(column)), column)
