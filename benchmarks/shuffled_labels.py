"""How many patches stand above chance where labels mean nothing, and where they do, the longer a model learns?

Half of the pictures are learned from, half are held out. Shuffled labels mean nothing: of them at most 5 % of the
patches may have q <= 0.05, however long the model has learned. In-sample figures show why there are none in a run.

    python benchmarks/shuffled_labels.py --out /tmp/shuffled
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tomli_w

import diffmine
from diffmine.builtin.selectors.top import Top
from diffmine.builtin.stages.evidence import Evidence, with_significance
from diffmine.numerics.false_discoveries import chance_limits, true_discoveries
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.run import Run
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.types import ImageRecord, Patch

EPOCHS = (5, 15, 50, 111, 300)
LEARNED, BATCH = 72, 16
COLUMNS = (
    "pictures", "epochs", "labels", "held out: q ≤ 0.05", "where the element is", "at least", "learned from: q ≤ 0.05"
)  # fmt: skip


def avatars(folder: Path) -> dict[str, object]:
    """Six towns of drawn faces, 64 px."""
    return {"use": "avatars", "per_label": 2 * LEARNED // 6}


def toys(folder: Path) -> dict[str, object]:
    """Two labels of toy pictures, 32 px, written to a folder."""
    if not (folder / "toys").exists():
        write_toy_folder(folder / "toys", per_label=LEARNED)
    return {"use": "folder", "path": str(folder / "toys"), "masks": str(folder / "toys-masks")}


def scenes(folder: Path) -> dict[str, object]:
    """Six trades' workbenches, 96 px, two elements each, which lie anywhere."""
    return {"use": "scenes", "per_label": 2 * LEARNED // 6}


def emoji(folder: Path) -> dict[str, object]:
    """Four emoji sets, 64 px, in which nobody planted anything; benchmarks/artwork.py makes data/emoji."""
    path = str(Path("data/emoji").resolve())
    return {
        "use": "table", "path": path, "index": "index.csv", "image": "picture", "label": "label",
        "per_label": 2 * LEARNED // 4,
    }  # fmt: skip


SETS: dict[str, tuple[Callable[[Path], dict[str, object]], int]] = {
    "avatars": (avatars, 16),
    "emoji": (emoji, 16),
    "scenes": (scenes, 24),
    "toys": (toys, 8),
}


def learned(folder: Path, name: str, shuffled: bool, epochs: int, seed: int) -> Run:
    """A run as far as its patches."""
    make, size = SETS[name]
    dataset = make(folder)
    steps = round(epochs * LEARNED / BATCH)
    recipe = {
        "name": f"{name}-{'shuffled' if shuffled else 'true'}-{epochs}",
        "seed": seed,
        "dataset": {**dataset, "holdout": 0.5, "shuffle_labels": shuffled},
        "model": {"use": "patch-unet"},
        "conditioning": {"use": "label-embedding"},
        "finetune": {
            "use": "full", "steps": steps, "batch_size": BATCH, "learning_rate": 1e-3, "embedding_learning_rate": 5.0,
            "betas": [0.9, 0.99], "schedule": "cosine", "warmup_steps": steps // 20, "null_probability": 0.15,
            "validate_every": 0, "timesteps": "stratified", "t_min": 0.2, "t_max": 0.9,
        },
        "scorer": {
            "use": "diffusion", "draws": 4, "t_min": 0.2, "t_max": 0.8, "timesteps": "stratified", "antithetic": True,
            "smoothing": 0.6, "batch_size": 48, "labels": "all",  # so that pictures learned from have a null too
        },
        "patches": {"use": "top", "place": "mix", "size": size, "per_image": 3, "per_label": 1000, "controls": []},
        "features": {"use": "dift", "ensemble": 1},
        "clusterer": {"use": "kmeans", "n_clusters": 4},
    }  # fmt: skip
    path = folder / f"{recipe['name']}.toml"
    path.write_text(tomli_w.dumps(recipe), encoding="utf-8")
    return diffmine.run(path, out=folder / path.stem, store=folder / "store", until="patches")


def judged(run: Run, records: Iterable[ImageRecord]) -> tuple[list[Patch], dict[tuple[str, str], Evidence]]:
    """The patches of some pictures, held against each other's under wrong labels, also where the model knows them."""
    options = {key: value for key, value in run.recipe.tables["patches"].items() if key != "use"}
    selector = Top(Top.Config.model_validate(options))
    evidence: dict[tuple[str, str], Evidence] = {}
    found: dict[str, list[Patch]] = {}
    for record in records:
        for label, role in run.maps.roles(record.image_id).items():
            pixels = partial(run.picture, record.image_id)
            typicality = run.maps.load(record.image_id, label)
            chosen = selector.select(typicality, record, pixels, stride=run.stride, seed=run.recipe.header.seed)
            values = [one.typicality for one in chosen]
            against = evidence.setdefault(("selected", label), Evidence())
            if role == "own":
                against.observed.append(values)
                found.setdefault(label, []).extend(
                    Patch(record.image_id, label, one.box, one.typicality, one.stderr, "top", rank)
                    for rank, one in enumerate(chosen)
                )
            elif role == "null":
                against.null.append(values)
    patches = [patch for label in sorted(found) for patch in found[label]]
    return list(with_significance(patches, "selected", "top", evidence)), evidence


def shares(run: Run, records: Sequence[ImageRecord]) -> tuple[float, float | None, float]:
    """Of all patches, and of each picture's best patch where its element is there: the share with q <= 0.05; and at
    least how many of a label's patches are said to be typical, as a share of all."""
    patches, evidence = judged(run, records)
    significant = [patch.q_value is not None and patch.q_value <= FALSE_DISCOVERIES for patch in patches]
    shown = [
        known
        for patch, known in zip(patches, significant, strict=True)
        if patch.rank == 0 and (mask := run.masks(patch.image_id).get(patch.label)) is not None and mask.any()
    ]
    bound = 0
    for label in {patch.label for patch in patches}:
        own, against = [patch for patch in patches if patch.label == label], evidence["selected", label]
        best = against.null.best
        above = (best[:, None] >= [patch.typicality for patch in own]).sum(axis=0)
        limits = chance_limits(against.observed.images, len(best))
        bound += true_discoveries(above, [patch.image_id for patch in own], limits)
    return float(np.mean(significant)), float(np.mean(shown)) if shown else None, bound / len(patches)


def main() -> None:
    """Print a row for each number of epochs, data set and kind of labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["avatars", "scenes"])
    parser.add_argument("--epochs", nargs="+", type=int, default=EPOCHS)
    parser.add_argument("--labels", nargs="+", choices=("shuffled", "true"), default=("shuffled", "true"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for epochs in options.epochs:
        for name in options.sets:
            for labels in options.labels:
                run = learned(options.out, name, labels == "shuffled", epochs, options.seed)
                unseen = shares(run, [record for record in run.records.values() if not record.in_sample])
                seen = shares(run, [record for record in run.records.values() if record.in_sample])
                there = "" if labels == "shuffled" or unseen[1] is None else f"{unseen[1]:.3f}"
                row = [name, epochs, labels, f"{unseen[0]:.3f}", there, f"{unseen[2]:.3f}"]
                print("|", " | ".join(map(str, [*row, f"{seen[0]:.3f}"])), "|", flush=True)


if __name__ == "__main__":
    main()
