"""A small run whose answer is known: every label has an element, planted somewhere in each of its pictures.

The element of a label comes in two looks, every other picture, and each look is a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from diffmine.analysis.ranking import rank_clusters
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.upsampling import window_means
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import BoolArray, Box, ByteArray, FloatArray, ImageRecord, Patch, Split, TypicalityMap

SIDE = 32
PATCH = 8
DIMS = 16


@dataclass(frozen=True, slots=True)
class PlantedPicture:
    """One picture with its element."""

    record: ImageRecord
    pixels: ByteArray
    mask: BoolArray
    typicality: FloatArray
    look: int


def planted_run(
    *, labels: int = 3, images: int = 12, heldout: int = 6, signal: float = 4.0, seed: int = 0
) -> MemoryRun:
    """A run over ``labels`` labels whose maps are standard normal noise, raised by ``signal`` on the element.

    The patches are the best, the least and a random one of each picture; their features are the direction of the
    element's look, as far as the patch shows it, and noise; each look of a label is a cluster. With ``signal = 0``
    nothing is to be found.
    """
    generator = numpy_generator("planted", seed)
    looks = np.linalg.qr(generator.normal(size=(DIMS, DIMS)))[0]
    pictures = list(_pictures(generator, labels, images, heldout, signal))
    chosen = {
        split: [patch for p in pictures if p.record.split == split for patch in _patches(generator, p)]
        for split in ("train", "heldout")
    }
    by_id = {picture.record.image_id: picture for picture in pictures}
    ranked = {split: _ranked(patches) for split, patches in chosen.items()}

    def features(patches: list[Patch]) -> FloatArray:
        shown = np.array([by_id[patch.image_id].mask[patch.box.slices()].mean() for patch in patches])
        directions = looks[[by_id[patch.image_id].look for patch in patches]]
        vectors = directions * shown[:, None] + 0.1 * generator.normal(size=(len(patches), DIMS))
        unit: FloatArray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit

    train_features = features(ranked["train"])
    cluster, rows = _cluster(ranked["train"], train_features, by_id)
    return MemoryRun(
        [picture.record for picture in pictures],
        [
            TypicalityMap(
                p.record.image_id, p.record.labels[0], p.typicality, np.ones_like(p.typicality), 1, np.abs(p.typicality)
            )
            for p in pictures
        ],
        masks={p.record.image_id: {p.record.labels[0]: p.mask} for p in pictures},
        pictures={p.record.image_id: p.pixels for p in pictures},
        patches=ranked["train"],
        heldout_patches=ranked["heldout"],
        cluster=cluster,
        clusters=rows,
        features=train_features,
        heldout_features=features(ranked["heldout"]),
        selector={"size": PATCH, "per_image": 1},
    )


def _pictures(
    generator: np.random.Generator, labels: int, images: int, heldout: int, signal: float
) -> Iterator[PlantedPicture]:
    for label in range(labels):
        for number in range(images + heldout):
            pixels = generator.integers(90, 160, (SIDE, SIDE, 3)).astype(np.uint8)
            y, x = generator.integers(0, SIDE - PATCH, 2)
            mask = np.zeros((SIDE, SIDE), dtype=bool)
            mask[y : y + PATCH, x : x + PATCH] = True
            pixels[mask] = np.roll([200, 60, 120 + 80 * (number % 2)], label)
            typicality = generator.normal(size=(SIDE, SIDE)) + signal * mask
            digest = hashlib.sha256(pixels.tobytes()).hexdigest()
            split: Split = "train" if number < images else "heldout"
            record = ImageRecord(
                digest[:20], f"label{label}/{number}.png", (f"label{label}",), SIDE, SIDE, digest, split
            )
            yield PlantedPicture(record, pixels, mask, typicality.astype(np.float32), 2 * label + number % 2)


def _patches(generator: np.random.Generator, picture: PlantedPicture) -> Iterator[Patch]:
    means = window_means(picture.typicality, PATCH)
    places = {"top": means.argmax(), "least": means.argmin(), "random": generator.integers(means.size)}
    for selection, place in places.items():
        y, x = (int(value) for value in np.unravel_index(place, means.shape))
        box = Box(y, x, y + PATCH, x + PATCH)
        yield Patch(picture.record.image_id, picture.record.labels[0], box, float(means[y, x]), 0.1, selection, 0)


def _ranked(patches: list[Patch]) -> list[Patch]:
    """By label and selection, each from its best."""
    order = {"top": -1.0, "least": 1.0, "random": 0.0}
    patches = sorted(patches, key=lambda p: (p.label, p.selection, order[p.selection] * p.typicality, p.image_id))
    ranks: dict[tuple[str, str], int] = {}
    ranked = []
    for patch in patches:
        rank = ranks.setdefault((patch.label, patch.selection), 0)
        ranks[patch.label, patch.selection] += 1
        ranked.append(
            Patch(patch.image_id, patch.label, patch.box, patch.typicality, patch.stderr, patch.selection, rank)
        )
    return ranked


def _cluster(
    patches: list[Patch], features: FloatArray, pictures: dict[str, PlantedPicture]
) -> tuple[list[int | None], list[dict[str, object]]]:
    """The ``cluster`` column and the rows of the cluster table."""
    column: list[int | None] = [None] * len(patches)
    table: list[dict[str, object]] = []
    for label in sorted({patch.label for patch in patches}):
        rows = [i for i, patch in enumerate(patches) if patch.label == label and patch.selection == "top"]
        members = [patches[row] for row in rows]
        looks = np.array([pictures[patch.image_id].look for patch in members], dtype=np.int32)
        typicality = np.array([patch.typicality for patch in members], dtype=np.float32)
        ranked = rank_clusters(looks, features[rows], typicality, [patch.image_id for patch in members])
        for row, cluster in zip(rows, ranked.cluster.tolist(), strict=True):
            column[row] = cluster
        table += [{"label": label, **asdict(row)} for row in ranked.table]
    return column, table
