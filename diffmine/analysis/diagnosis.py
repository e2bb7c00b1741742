"""What a person should be warned of in a finished run: each check reads a run and returns sentences.

The checks look for the ways in which this method fails: a model that did not learn the labels, clusters that mix
things, and artefacts that tell labels apart better than anything in the pictures does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from diffmine.analysis import shortcuts
from diffmine.analysis.shortcuts import Crops
from diffmine.analysis.significance import FALSE_DISCOVERIES
from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
from diffmine.builtin.metrics.cluster_purity import ClusterPurity
from diffmine.builtin.metrics.clustered import LabelClusters, label_clusters
from diffmine.builtin.metrics.silhouette import Silhouette
from diffmine.run_folder import Run
from diffmine.seeding import numpy_generator
from diffmine.tables import patches_of
from diffmine.types import ByteArray

BEST_CLUSTERS = 5
LEAST_MEMBERS = 5
MOST_MEMBERS = 40
OTHER_PICTURES = 60
FEW_IMAGES = 1 / 3
MIXED_SILHOUETTE = 0.0
NO_PURER = 0.02
PURE = 0.9
REACHED = 0.95
LEAST_VALIDATIONS = 4
EARLY = 0.6

Check = Callable[[Run], list[str]]
OpenPicture = Callable[[str], ByteArray]


def diagnose(run: Run) -> list[str]:
    """The sentences of every check, in order."""
    return [sentence for check in CHECKS for sentence in check(run)]


def labels_not_learned(run: Run) -> list[str]:
    """Held-out images are not more typical of their own label than of another one."""
    figure = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(run).get("label_margin_accuracy")
    if figure is None or figure.low is None or figure.low > 0.5:
        return []
    return [
        f"nothing shows that the model learned the labels: {figure.value:.0%} of {figure.count} held-out images are "
        f"more typical of their own label than of another one, which may be chance (50%; interval {figure.low:.0%} to "
        f"{figure.high:.0%}); finetune for more steps, hold out more images, or look at the labels"
    ]


def nothing_above_chance(run: Run) -> list[str]:
    """Labels none of whose patches are more typical than those selected under wrong labels."""
    rows = zip(patches_of(run.patches), run.patches["q_value"].to_pylist(), strict=True)
    best: dict[str, float] = {}
    for patch, q_value in rows:
        if patch.selection == run.selection and q_value is not None:
            best[patch.label] = min(q_value, best.get(patch.label, 1.0))
    silent = [repr(label) for label in sorted(best) if best[label] > FALSE_DISCOVERIES]
    if not silent:
        return []
    return [
        f"nothing typical stands out for {', '.join(silent)}: no patch is more typical than those selected under wrong "
        f"labels (q-value above {FALSE_DISCOVERIES}); finetune for more steps, take more draws, or look at the labels"
    ]


def finetuning_reached_its_end(run: Run) -> list[str]:
    """The gap between null and conditional validation loss stopped growing early."""
    log = run.training_log
    if log is None or not {"validation_loss", "validation_null_loss"} <= set(log.column_names):
        return []
    rows = [row for row in log.to_pylist() if row["validation_loss"] is not None]
    gaps = np.array([row["validation_null_loss"] - row["validation_loss"] for row in rows])
    if len(gaps) < LEAST_VALIDATIONS:
        return []
    if gaps.max() <= 0:
        return [
            "finetuning taught the model nothing about the labels: the validation loss is never lower with the label "
            "than without; finetune for more steps, or look at the labels"
        ]
    step, last = rows[int(np.argmax(gaps >= REACHED * gaps.max()))]["step"], rows[-1]["step"]
    if step > EARLY * last:
        return []
    return [
        f"finetuning gained nothing after step {step} of {last}: the gap between the validation losses without and "
        f"with the label stayed within {1 - REACHED:.0%} of its best; finetune.steps = {step} would have done"
    ]


def mixed_clusters(run: Run) -> list[str]:
    """Clusters whose members are no nearer to each other than to the next cluster, or that annotations call mixed."""
    sentences = []
    figure = Silhouette(Silhouette.Config()).compute(run).get("silhouette")
    for label, value in (figure.per_label if figure else {}).items():
        if value <= MIXED_SILHOUETTE:
            sentences.append(
                f"label {label!r}: its clusters run into each other (silhouette {value:.2f}); ask for fewer clusters, "
                "or try other features"
            )
    purity = ClusterPurity(ClusterPurity.Config()).compute(run).get("cluster_purity")
    if purity and purity.chance is not None and purity.value < min(purity.chance + NO_PURER, PURE):
        sentences.append(
            f"clusters are mixed: {purity.value:.0%} of members show what most of their cluster shows, and without any "
            f"clustering it would be {purity.chance:.0%}; ask for more clusters, or try other features"
        )
    return sentences


def crops_from_few_images(run: Run) -> list[str]:
    """Clusters that show a picture or two, not a pattern."""
    sentences = []
    for label, cluster, members in _best_clusters(run):
        images = Counter(members.image_ids)
        if len(images) <= max(1, FEW_IMAGES * len(members.patches)):
            sentences.append(
                f"label {label!r}, cluster {cluster}: its {len(members.patches)} patches come from "
                f"{len(images)} {'image' if len(images) == 1 else 'images'}; lower patches.per_image for more variety"
            )
    return sentences


def possible_shortcuts(run: Run) -> list[str]:
    """Clusters that show a watermark, a tag or a frame, as far as pixels and places can tell."""
    picture = lru_cache(maxsize=256)(run.picture)
    usual = _usual_edges(run, picture)
    clusters = [(label, cluster, _crops(members, picture)) for label, cluster, members in _best_clusters(run)]
    # Where most clusters are locked, the pictures are aligned, and to be locked says nothing.
    aligned = np.mean([shortcuts.is_locked(crops) for _, _, crops in clusters] or [False]) > 0.5
    sentences = []
    for label, cluster, crops in clusters:
        fixed = shortcuts.is_fixed_mark(crops, _other_pictures(run, label, picture))
        same = {
            "the same pixels at the same place": fixed,
            "near-identical crops": shortcuts.are_near_identical(crops),
        }
        more = {
            "at one position": not aligned and shortcuts.is_locked(crops),
            "at the border": shortcuts.touch_border(crops),
            "with edges like lettering": shortcuts.are_text_like(crops, usual),
        }
        if any(same.values()) and any(more.values()):
            signs = ", ".join(sign for sign, there in {**same, **more}.items() if there)
            sentences.append(
                f"label {label!r}, cluster {cluster}: possible shortcut ({signs}); look at its crops for a "
                "watermark, a tag or a frame, which would tell the label without showing anything of it"
            )
    return sentences


CHECKS: tuple[Check, ...] = (
    labels_not_learned,
    nothing_above_chance,
    finetuning_reached_its_end,
    mixed_clusters,
    crops_from_few_images,
    possible_shortcuts,
)


def _best_clusters(run: Run) -> Iterator[tuple[str, int, LabelClusters]]:
    """(label, cluster, members) of each label's best clusters with enough members to judge."""
    for clusters in label_clusters(run):
        for cluster in range(BEST_CLUSTERS):
            members = clusters.only(cluster)
            if len(members.patches) >= LEAST_MEMBERS:
                yield clusters.label, cluster, members


def _crops(members: LabelClusters, picture: OpenPicture) -> Crops:
    """At most ``MOST_MEMBERS`` members, one an image, drawn."""
    one_each = {patch.image_id: patch for patch in members.patches}
    order = numpy_generator("diagnosis", members.label, *sorted(one_each)).permutation(len(one_each))[:MOST_MEMBERS]
    patches = [list(one_each.values())[place] for place in sorted(order)]
    return Crops([patch.box for patch in patches], [picture(patch.image_id) for patch in patches])


def _other_pictures(run: Run, label: str, picture: OpenPicture) -> list[ByteArray]:
    """Some pictures that do not carry a label."""
    others = sorted(image_id for image_id, record in run.records.items() if label not in record.labels)
    drawn = numpy_generator("diagnosis", "others", label).permutation(len(others))[:OTHER_PICTURES]
    return [picture(others[place]) for place in drawn]


def _usual_edges(run: Run, picture: OpenPicture) -> float:
    """Mean share of strong edges in the random control patches, or in any where there is none."""
    patches = sorted(
        patches_of(run.patches), key=lambda patch: (patch.selection != "random", patch.image_id, patch.box)
    )
    sample = patches[: 2 * OTHER_PICTURES]
    shares = [shortcuts.edge_share(picture(patch.image_id)[patch.box.slices()]) for patch in sample]
    return float(np.mean(shares)) if shares else 0.0
