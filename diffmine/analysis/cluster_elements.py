"""What the members of clusters show, counted image by image so that images can be drawn again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.ranking import rank_clusters
from diffmine.analysis.showing import shown_kind
from diffmine.errors import DataError
from diffmine.runs.contents import LabelClusters, label_clusters, selected_rows
from diffmine.runs.tables import patches_of
from diffmine.types import BoolArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CONTROL = "random"


@dataclass(frozen=True, slots=True)
class MemberKinds:
    """The clusters of one label.

    Attributes:
        label: the label.
        kinds: the elements that its patches show, sorted; the empty string stands for none of them.
        image_ids: the images behind the label's patches, sorted.
        counts: float64, (images, clusters, kinds): members by image, cluster and kind shown.
    """

    label: str
    kinds: tuple[str, ...]
    image_ids: tuple[str, ...]
    counts: NDArray[np.float64]


def once(contents: MemberKinds) -> NDArray[np.int64]:
    """The weighting that counts every image once, (1, images)."""
    return np.ones((1, len(contents.image_ids)), dtype=np.int64)


def cluster_contents(run: Run, best: int | None = None) -> list[MemberKinds]:
    """What the members of each label's clusters show; labels whose images have no annotation at all are left out.

    Args:
        best: look at so many clusters of each label, the most typical ones (canonical ids are ranks); None: at all.
    """
    contents = []
    for clusters in label_clusters(run):
        masks = {image_id: run.masks(image_id) for image_id in sorted(set(clusters.image_ids))}
        if any(mask.any() for kinds in masks.values() for mask in kinds.values()):
            members = clusters.members() if best is None else clusters.best(best)
            contents.append(_count(members, masks))
    return contents


def random_contents(run: Run, best: int) -> list[MemberKinds] | None:
    """The same of random patches that went through the run's projection, clusterer and ranking.

    Returns:
        None where the run has no random patches, or a label's cannot be clustered as its own were.
    """
    contents = []
    for label, rows in selected_rows(run.patches, CONTROL).items():
        patches = tuple(patches_of(run.patches.take(rows)))
        masks = {image_id: run.masks(image_id) for image_id in sorted({patch.image_id for patch in patches})}
        if any(mask.any() for kinds in masks.values() for mask in kinds.values()):
            features, seed = run.features[rows], run.recipe.header.seed
            try:
                projected = run.projection.fit_transform(features, seed=seed)
                cluster = run.clusterer.fit_predict(projected, seed=seed)
            except DataError:
                return None
            typicality = np.array([patch.typicality for patch in patches], dtype=np.float32)
            image_ids, by = [patch.image_id for patch in patches], run.clusterer.config.rank_by
            ranked = rank_clusters(cluster, projected, typicality, image_ids, appearance=features, by=by)
            contents.append(_count(LabelClusters(label, patches, rows, ranked.cluster).best(best), masks))
    return contents or None


def _count(members: LabelClusters, masks: Mapping[str, Mapping[str, BoolArray]]) -> MemberKinds:
    shown = [shown_kind(masks[patch.image_id], patch.box) for patch in members.patches]
    kinds: Sequence[str] = sorted({"", *shown})
    image_ids = sorted(masks)
    counts = np.zeros((len(image_ids), int(members.cluster.max(initial=-1)) + 1, len(kinds)))
    for image_id, cluster, kind in zip(members.image_ids, members.cluster, shown, strict=True):
        counts[image_ids.index(image_id), cluster, kinds.index(kind)] += 1
    return MemberKinds(members.label, tuple(kinds), tuple(image_ids), counts)
