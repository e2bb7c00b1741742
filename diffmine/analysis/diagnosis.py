"""What a person should be warned of in a finished run: each check reads a run and returns findings.

The checks look for the ways in which this method fails: a model that did not learn the labels, clusters that mix
things, and artefacts that tell labels apart better than anything in the pictures does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from diffmine.analysis import shortcuts
from diffmine.analysis.shortcuts import Crops
from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
from diffmine.builtin.metrics.cluster_purity import ClusterPurity
from diffmine.builtin.metrics.clustered import LabelClusters, label_clusters
from diffmine.builtin.metrics.silhouette import Silhouette
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.run import Run
from diffmine.runs.tables import patches_of
from diffmine.types import ByteArray, Flag

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
SHORTCUT = "possible shortcut"
FROM_FEW_IMAGES = "from few images"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        sentence: the warning.
        flag: where it is about one cluster, what to show there.
    """

    sentence: str
    flag: Flag | None = None


Check = Callable[[Run], list[Finding]]
OpenPicture = Callable[[str], ByteArray]


def findings(run: Run) -> list[Finding]:
    """What every check found, in order."""
    return [finding for check in CHECKS for finding in check(run)]


def diagnose(run: Run) -> list[str]:
    """The sentences of :func:`findings`."""
    return [finding.sentence for finding in findings(run)]


def labels_not_learned(run: Run) -> list[Finding]:
    """Held-out images are not more typical of their own label than of another one."""
    figure = ClassifierAccuracy(ClassifierAccuracy.Config()).compute(run).get("label_margin_accuracy")
    if figure is None or figure.low is None or figure.low > 0.5:
        return []
    return [
        Finding(
            f"nothing shows that the model learned the labels: {figure.value:.0%} of {figure.count} held-out images "
            f"are more typical of their own label than of another one, which may be chance (50%; interval "
            f"{figure.low:.0%} to {figure.high:.0%}); finetune for more steps, hold out more images, or look at the "
            "labels"
        )
    ]


def nothing_above_chance(run: Run) -> list[Finding]:
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
        Finding(
            f"nothing typical stands out for {', '.join(silent)}: no patch is more typical than those selected under "
            f"wrong labels (q-value above {FALSE_DISCOVERIES}); finetune for more steps, take more draws, or look at "
            "the labels"
        )
    ]


def finetuning_reached_its_end(run: Run) -> list[Finding]:
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
            Finding(
                "finetuning taught the model nothing about the labels: the validation loss is never lower with the "
                "label than without; finetune for more steps, or look at the labels"
            )
        ]
    step, last = rows[int(np.argmax(gaps >= REACHED * gaps.max()))]["step"], rows[-1]["step"]
    if step > EARLY * last:
        return []
    return [
        Finding(
            f"finetuning gained nothing after step {step} of {last}: the gap between the validation losses without and "
            f"with the label stayed within {1 - REACHED:.0%} of its best; finetune.steps = {step} would have done"
        )
    ]


def mixed_clusters(run: Run) -> list[Finding]:
    """Clusters whose members are no nearer to each other than to the next cluster, or that annotations call mixed."""
    found = []
    figure = Silhouette(Silhouette.Config()).compute(run).get("silhouette")
    for label, value in (figure.per_label if figure else {}).items():
        if value <= MIXED_SILHOUETTE:
            found.append(
                Finding(
                    f"label {label!r}: its clusters run into each other (silhouette {value:.2f}); ask for fewer "
                    "clusters, or try other features"
                )
            )
    purity = ClusterPurity(ClusterPurity.Config()).compute(run).get("cluster_purity")
    if purity and purity.chance is not None and purity.value < min(purity.chance + NO_PURER, PURE):
        found.append(
            Finding(
                f"clusters are mixed: {purity.value:.0%} of members show what most of their cluster shows, and without "
                f"any clustering it would be {purity.chance:.0%}; ask for more clusters, or try other features"
            )
        )
    return found


def crops_from_few_images(run: Run) -> list[Finding]:
    """Clusters that show a picture or two, not a pattern."""
    found = []
    for label, cluster, members in _best_clusters(run):
        images = Counter(members.image_ids)
        if len(images) <= max(1, FEW_IMAGES * len(members.patches)):
            found.append(
                _about(
                    label,
                    cluster,
                    FROM_FEW_IMAGES,
                    f"its {len(members.patches)} patches come from {len(images)} "
                    f"{'image' if len(images) == 1 else 'images'}; lower patches.per_image for more variety",
                )
            )
    return found


def possible_shortcuts(run: Run) -> list[Finding]:
    """Clusters that show a watermark, a tag or a frame, as far as pixels and places can tell."""
    picture = lru_cache(maxsize=256)(run.picture)
    usual = _usual_edges(run, picture)
    clusters = [(label, cluster, _crops(members, picture)) for label, cluster, members in _best_clusters(run)]
    # Where most clusters are locked, the pictures are aligned, and to be locked says nothing.
    aligned = np.mean([shortcuts.is_locked(crops) for _, _, crops in clusters] or [False]) > 0.5
    found = []
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
            found.append(
                _about(
                    label,
                    cluster,
                    SHORTCUT,
                    f"{SHORTCUT} ({signs}); look at its crops for a watermark, a tag or a frame, which would tell the "
                    "label without showing anything of it",
                )
            )
    return found


CHECKS: tuple[Check, ...] = (
    labels_not_learned,
    nothing_above_chance,
    finetuning_reached_its_end,
    mixed_clusters,
    crops_from_few_images,
    possible_shortcuts,
)


def _about(label: str, cluster: int, mark: str, text: str) -> Finding:
    """A finding about one cluster."""
    sentence = f"label {label!r}, cluster {cluster}: {text}"
    return Finding(sentence, Flag(label, cluster, mark, sentence))


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
