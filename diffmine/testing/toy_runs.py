"""A finished run folder without a model: drawn pictures, made-up typicality, genuine files."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
from PIL import Image
from safetensors.numpy import save_file

from diffmine.analysis.ranking import rank_clusters
from diffmine.engine.opening import load_run
from diffmine.files.names import RUN_FILE
from diffmine.numerics.seeding import derive_seed, numpy_generator
from diffmine.runs.run import DESCRIPTIONS_FILE, FLAGS_FILE, FORMAT, RECIPE_FILE, Run
from diffmine.runs.tables import CLUSTERS, clustered_table, images_table, patches_table
from diffmine.testing.toy_motifs import CELLS, cell_box, draw_picture
from diffmine.types import FloatArray, ImageRecord, Patch
from diffmine.version import __version__

HOSTILE_LABELS = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"quotes' & `ticks` {{ 7*7 }} ${7*7} $x^2",
    "مدينة القاهرة",
    "🏙️ city 👩‍👩‍👧",
    "..",
    "../../etc/passwd",
    "a/b\\c#d?e%41",
    "very long " * 30,
)
"""Labels that break careless pages, figures and file names."""

HOSTILE_MARK = "<b onmouseover=alert(1)>$x^2$ very-long-" * 3
"""What the first cluster of each hostile label is flagged as."""

HOSTILE_FILES = (
    "a b.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    "\"'.jpg",
    "x</script>.jpg",
    "..hidden.jpg",
    "مدينة.jpg",
    "#?%41.jpg",
)
STRIDE = 8
SIDE = 64
MOTIFS = 8
DIMS = 16
BOXES = "boxes.csv"


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A picture of the toy: which cluster's motif lies at which place."""

    record: ImageRecord
    motifs: dict[int, tuple[str, int]]


def write_toy_run(
    folder: Path,
    labels: Sequence[str] = ("north", "south", "west"),
    clusters: int = 4,
    members: int = 12,
    *,
    hostile: bool = False,
    evidence: bool = False,
    flags: Sequence[tuple[str, int, str]] = (),
    words: Sequence[tuple[str, int, Sequence[str], str]] = (),
) -> Run:
    """Write a finished run and the store it refers to, and open it.

    Args:
        folder: receives ``run/``, ``store/`` and ``data/``.
        labels: its labels.
        clusters: clusters of each label.
        members: members of each cluster.
        hostile: use ``HOSTILE_LABELS`` and hostile file names, skip causes, warnings and flags.
        evidence: write p-values, q-values and masks: of cluster n, about each (n + 1)th motif lies on its mask.
        flags: (label, cluster, mark) of what the run is to warn of.
        words: (label, cluster, words, source) of what describers are to have said.
    """
    labels = sorted(HOSTILE_LABELS if hostile else labels)
    run, data = folder / "run", folder / "data"
    artifacts = {stage: folder / "store" / stage / "toy" for stage in ("images", "typicality", "features")}
    for path in (run, data, *artifacts.values(), artifacts["typicality"] / "shards"):
        path.mkdir(parents=True)
    drawn = [one for label in labels for one in _draw_label(data, label, clusters, members, hostile)]
    _write_index(data, drawn)
    pq.write_table(images_table([one.record for one in drawn]), run / "images.parquet")
    _write_typicality(artifacts["typicality"], drawn)
    patches, truth = _patches(drawn)
    if evidence:
        patches = [_with_evidence(patch) for patch in patches]
        _write_boxes(data, drawn)
    features = _features(patches, truth)
    save_file({"patches": features, "heldout": features[:0]}, artifacts["features"] / "features.safetensors")
    _write_clusters(run, patches, truth, features, evidence)
    _write_rest(
        run,
        data,
        folder / "store",
        [*artifacts, "patches", "clusters", "metrics", "describe", "checks"],
        labels,
        hostile,
        evidence,
    )
    _write_flags(run, [(label, 0, HOSTILE_MARK) for label in labels] if hostile else flags)
    _write_words(run, [(label, 0, [HOSTILE_MARK], "<i>toy</i>") for label in labels] if hostile else words)
    return load_run(run)


def _draw_label(data: Path, label: str, clusters: int, members: int, hostile: bool) -> list[_Drawn]:
    queue = [(label, cluster) for _ in range(members) for cluster in range(clusters)]
    drawn = []
    for number, start in enumerate(range(0, len(queue), MOTIFS)):
        name = HOSTILE_FILES[number % len(HOSTILE_FILES)] if hostile else "picture.jpg"
        path = f"{derive_seed(label) % 10**6:06d}/{number:04d} {name}"
        cells = numpy_generator("toy places", label, number).permutation(CELLS[0] * CELLS[1])
        motifs = dict(zip(cells.tolist(), queue[start : start + MOTIFS], strict=False))
        file = data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_picture(motifs, SIDE, path)).save(file, "JPEG", quality=90)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        size = CELLS[0] * SIDE, CELLS[1] * SIDE
        drawn.append(_Drawn(ImageRecord(digest[:20], path, (label,), *size, digest, "train"), motifs))
    return drawn


def _write_index(data: Path, drawn: list[_Drawn]) -> None:
    with (data / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "town"), *((one.record.path, one.record.labels[0]) for one in drawn)])


def _map(one: _Drawn) -> FloatArray:
    """High where motifs lie, the more so the lower their cluster; slightly negative elsewhere."""
    cells, noise = SIDE // STRIDE, numpy_generator("toy map", one.record.digest)
    values = noise.normal(-0.004, 0.004, (CELLS[1] * cells, CELLS[0] * cells)).astype(np.float32)
    yy, xx = np.mgrid[:cells, :cells] - (cells - 1) / 2
    bump = np.exp(-(yy**2 + xx**2) / cells).astype(np.float32)
    for cell, (_, cluster) in one.motifs.items():
        box = cell_box(cell, cells)
        values[box.slices()] += bump * (0.08 / (1 + cluster) ** 0.5)
    return values


def _write_typicality(artifact: Path, drawn: list[_Drawn]) -> None:
    tensors, index = {}, []
    for one in drawn:
        label, image_id = one.record.labels[0], one.record.image_id
        tensors[f"{image_id}/{label}/mean"] = _map(one)
        tensors[f"{image_id}/{label}/stderr"] = np.full_like(_map(one), 0.002)
        tensors[f"{image_id}/{label}/influence"] = np.abs(_map(one))
        index.append({"image_id": image_id, "label": label, "shard": 0})
    save_file(tensors, artifact / "shards" / "00000.safetensors")
    pq.write_table(pa.Table.from_pylist(index), artifact / "index.parquet")
    (artifact / "grid.json").write_text(json.dumps({"stride": STRIDE, "draws": 16}), encoding="utf-8")


def _patches(drawn: list[_Drawn]) -> tuple[list[Patch], list[int]]:
    """Patches by label, selection and rank; and the cluster of each, -1 for the controls."""
    found: list[tuple[Patch, int]] = []
    for one in drawn:
        values = _map(one)
        for cell in range(CELLS[0] * CELLS[1]):
            box, label = cell_box(cell, SIDE), one.record.labels[0]
            mean = float(values[cell_box(cell, SIDE // STRIDE).slices()].mean())
            cluster = one.motifs.get(cell, (label, -1))[1]
            selection = "top" if cluster >= 0 else ("least", "random")[cell % 2]
            found.append((Patch(one.record.image_id, label, box, mean, 0.001, selection, 0), cluster))
    order = {"top": 0, "least": 1, "random": 2}
    found.sort(key=lambda pair: (pair[0].label, order[pair[0].selection], -pair[0].typicality))
    ranks: dict[tuple[str, str], int] = {}
    patches = []
    for patch, _ in found:
        rank = ranks.setdefault((patch.label, patch.selection), 0)
        ranks[patch.label, patch.selection] += 1
        patches.append(Patch(patch.image_id, patch.label, patch.box, patch.typicality, 0.001, patch.selection, rank))
    return patches, [cluster for _, cluster in found]


def _with_evidence(patch: Patch) -> Patch:
    """Of the mined patches of a label the first 25 stand above chance; controls are not tested."""
    if patch.selection != "top":
        return patch
    return replace(patch, p_value=min(1.0, 0.001 * (patch.rank + 1)), q_value=min(1.0, 0.002 * (patch.rank + 1)))


def _write_boxes(data: Path, drawn: list[_Drawn]) -> None:
    rows = [
        (one.record.path, label, box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0)
        for one in drawn
        for cell, (label, cluster) in one.motifs.items()
        if cell % (1 + cluster) == 0
        for box in [cell_box(cell, SIDE)]
    ]
    with (data / BOXES).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "town", "x", "y", "width", "height"), *rows])


def _features(patches: list[Patch], truth: list[int]) -> FloatArray:
    centres: dict[tuple[str, int], Any] = {}
    for patch, cluster in zip(patches, truth, strict=True):
        key = (patch.label, cluster)
        centres.setdefault(key, numpy_generator("toy centre", *key).normal(0, 1, DIMS))
    noise = numpy_generator("toy features").normal(0, 0.25, (len(patches), DIMS))
    rows = np.stack([centres[p.label, c] for p, c in zip(patches, truth, strict=True)]) + noise
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _write_clusters(run: Path, patches: list[Patch], truth: list[int], features: FloatArray, evidence: bool) -> None:
    mined = np.array([patch.selection == "top" for patch in patches])
    found, ids = np.full(len(patches), -1, np.int32), np.array(truth, np.int32)
    distance, rows = np.full(len(patches), np.nan, np.float32), []
    duplicates = np.full(len(patches), -1, np.int32)
    labels = np.array([patch.label for patch in patches])
    for label in sorted(set(labels.tolist())):
        at = np.flatnonzero((labels == label) & mined)
        ids[at[-3:]] = -1
        scores = np.array([patches[row].typicality for row in at], np.float32)
        ranked = rank_clusters(ids[at], features[at], scores, [patches[row].image_id for row in at])
        found[at], distance[at], duplicates[at] = ranked.cluster, ranked.distance, ranked.duplicates
        for one in ranked.table:  # the bound falls from 0.89 to 0
            at_least = max(0.0, 0.89 - 0.3 * one.rank) if evidence else None
            rows.append({"label": label, **asdict(one), "at_least": at_least})
    table = clustered_table(patches, mined, found, distance, duplicates)
    pq.write_table(table, run / "patches.parquet")
    pq.write_table(patches_table(patches), run / "selected_patches.parquet")
    pq.write_table(table.slice(0, 0), run / "heldout_patches.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema=CLUSTERS), run / "clusters.parquet")


def _write_flags(run: Path, flags: Sequence[tuple[str, int, str]]) -> None:
    rows = [
        {"label": label, "cluster": cluster, "mark": mark, "sentence": f"label {label!r}, cluster {cluster}: {mark}"}
        for label, cluster, mark in flags
    ]
    (run / FLAGS_FILE).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def _write_words(run: Path, words: Sequence[tuple[str, int, Sequence[str], str]]) -> None:
    rows = [
        {"label": label, "cluster": cluster, "words": [(word, 0.5) for word in said], "source": source}
        for label, cluster, said, source in words
    ]
    (run / DESCRIPTIONS_FILE).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def _write_rest(
    run: Path, data: Path, store: Path, stages: list[str], labels: list[str], hostile: bool, evidence: bool
) -> None:
    dataset: dict[str, Any] = {
        "use": "table",
        "path": str(data),
        "index": "index.csv",
        "image": "{file}",
        "label": "town",
    }
    if evidence:
        dataset["boxes"] = {"index": BOXES, "label": "town"}
    recipe = {"name": "toy", "seed": 7, "dataset": dataset, "patches": {"use": "top"}}
    (run / RECIPE_FILE).write_text(tomli_w.dumps(recipe), encoding="utf-8")
    evil = "<b onmouseover=alert(1)>" if hostile else "a drawn"
    info = {
        "format": FORMAT,
        "name": "toy",
        "diffmine": __version__,
        "store": str(store),
        "stages": {stage: {"key": "toy", "digest": "0" * 64, "seconds": 1.5} for stage in stages},
        "machine": {"python": "3.12", "device": "cpu"},
        "warnings": [f"this is {evil} toy: its typicality was made up"],
    }
    (run / RUN_FILE).write_text(json.dumps(info, indent=1, ensure_ascii=False), encoding="utf-8")
    figure = {"value": 0.52, "low": 0.48, "high": 0.55, "chance": 0.13, "count": 60}
    metrics = {"pixel_average_precision": {**figure, "per_label": dict.fromkeys(labels, 0.5)}}
    (run / "metrics.json").write_text(json.dumps(metrics, ensure_ascii=False), encoding="utf-8")
    steps = [f"{step},{1 / (1 + step / 50):.4f},0.001," for step in range(0, 200, 5)]
    (run / "training.csv").write_text("\n".join(["step,loss,learning_rate,validation_loss", *steps]) + "\n")
    with (run / "skipped.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "cause"), (f"{evil}.jpg", "damaged: the file ends early")])
