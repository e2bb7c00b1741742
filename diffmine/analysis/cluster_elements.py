"""What the members of clusters show, counted image by image so that images can be drawn again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.analysis.showing import shown_kind
from diffmine.runs.contents import LabelClusters, label_clusters
from diffmine.types import BoolArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run


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


def _count(members: LabelClusters, masks: Mapping[str, Mapping[str, BoolArray]]) -> MemberKinds:
    shown = [shown_kind(masks[patch.image_id], patch.box) for patch in members.patches]
    kinds: Sequence[str] = sorted({"", *shown})
    image_ids = sorted(masks)
    counts = np.zeros((len(image_ids), int(members.cluster.max(initial=-1)) + 1, len(kinds)))
    for image_id, cluster, kind in zip(members.image_ids, members.cluster, shown, strict=True):
        counts[image_ids.index(image_id), cluster, kinds.index(kind)] += 1
    return MemberKinds(members.label, tuple(kinds), tuple(image_ids), counts)
