"""What a run will cost, before it is paid."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from diffmine.engine.devices import has_driver
from diffmine.errors import DataError, PictureError, RecipeError
from diffmine.interfaces import Component, Dataset, Preview
from diffmine.numerics.choosing import choose
from diffmine.pictures.decoding import grid_size, open_upright, pipeline_size
from diffmine.recipes.resolving import Components, Resolved
from diffmine.types import ImageRecord, Origin, Split

EFFICIENCY = {"cpu": 0.5, "cuda": 0.2}
"""Share of the matrix-product rate that a UNet reaches, roughly. Small ones on one core have been seen at 0.75; on an
H100 Stable Diffusion 1.5 in bfloat16 has been seen to score at 0.26 and to train at 0.13."""
FORWARD_SECONDS = {"cpu": 0.0, "cuda": 0.025}
"""What a forward takes at least, however small: to launch its kernels. On an H100 0.015 to 0.034 have been seen."""
USUAL_BATCH = 8
"""Pictures in one forward of a component that does not say."""
TRAINING_FACTOR = 3
"""A training step costs about a forward and twice as much backwards."""
PATIENCE = 3600.0
"""Seconds on a processor from which a recipe wants a GPU."""
SAMPLE = 16
THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""In the order in which torch heeds them; of more threads than there are cores it takes as many as cores."""
CELL_BYTES = 8.5
"""float32 mean, float16 standard error and influence, and the latter's error for four cells together."""

DRIVER_BYTES = 450_000_000
"""Resident memory of the process that drives a run, without a model and with few pictures."""
PICTURE_BYTES = 2_000
"""What each picture adds to that; 1,100 to 1,900 have been seen, see "Very many pictures" in docs/benchmarks.md."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will take.

    Attributes:
        images: label -> pictures of ``[dataset]``.
        width, height: of a typical picture, as the pipeline sees it.
        models: how many are trained, one for each fold.
        learned: pictures to learn from, those of all folds together.
        scored: pictures that get maps.
        training_passes, scoring_passes, feature_passes: pictures that pass through the network in each stage.
        flops: floating point operations of all passes together.
        disk_bytes: maps and pictures' patches in the store, without the model.
        stage_seconds: stage -> what it takes on this machine, to within a factor of about two.
        device: what they were estimated for.
        threads: those of the processor that compute; None on another device.
        stored: stages that need not be computed, as the store has them already.
        further_passes: stage of a plugin -> its forwards.
        first_scoring_passes: of ``scoring_passes``, those of the first round of draws, which alone are certain.
    """

    images: Mapping[str, int]
    width: int
    height: int
    models: int
    learned: int
    scored: int
    training_passes: int
    scoring_passes: int
    feature_passes: int
    flops: float
    disk_bytes: int
    stage_seconds: Mapping[str, float]
    device: str
    threads: int | None = None
    stored: tuple[str, ...] = ()
    first_scoring_passes: int = 0
    further_passes: Mapping[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """What the stages take that are not stored yet."""
        return sum(seconds for stage, seconds in self.stage_seconds.items() if stage not in self.stored)

    @property
    def forwards(self) -> int:
        """Of the stages that are not stored yet; a picture that is learned from counts as three."""
        passes = {
            "finetune": TRAINING_FACTOR * self.training_passes,
            "typicality": self.scoring_passes,
            "features": self.feature_passes,
            **self.further_passes,
        }
        return sum(count for stage, count in passes.items() if stage not in self.stored)

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process that drives the run, beside the model, roughly."""
        return DRIVER_BYTES + PICTURE_BYTES * max(sum(self.images.values()), self.learned)

    @property
    def wants_gpu(self) -> bool:
        """Whether a processor would be busy for more than an hour."""
        return self.device == "cpu" and self.seconds > PATIENCE

    def given(self, stored: Collection[str]) -> Cost:
        """The cost of going on from stages that are stored."""
        return replace(self, stored=tuple(stored))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counted = {"forwards": self.forwards, "seconds": self.seconds, "memory_bytes": self.memory_bytes}
        return {**asdict(self), **counted, "wants_gpu": self.wants_gpu}


def estimate(resolved: Resolved, device: str) -> Cost:
    """Count what the stages will do; lists the dataset and opens a few pictures, but no model.

    Raises:
        RecipeError: some size in the recipe is beyond counting.
    """
    try:
        return _count(resolved, device)
    except (MemoryError, OverflowError) as error:
        raise RecipeError(
            f"what the recipe asks for is too large to count ({error or type(error).__name__}); "
            "look for a size that is too large"
        ) from error


def _count(resolved: Resolved, device: str) -> Cost:
    components = resolved.components
    preview = _previewed(resolved, "dataset")
    learned_from = preview if components.training is None else _previewed(resolved, "training")
    width, height = pipeline_size(preview.width, preview.height, components.dataset.config.image_size)
    parts = list(_parts(components, preview.images))
    with _naming_files_of("scorer", components.scorer):
        labels = [_labels_scored(resolved, part.example, list(preview.images)) for part in parts]
        scoring = sum(part.scored * components.scorer.passes(one) for part, one in zip(parts, labels, strict=True))
    with _naming_files_of("features", components.features):
        features = sum(part.scored for part in parts) * components.features.passes()
    training, one_pass = 0, 0.0
    if components.needs_model:
        with _naming_files_of("finetune", components.finetune):
            training = len(components.folds) * components.finetune.trained_pictures()
        with _naming_files_of("model", components.model):
            one_pass = components.model.forward_flops(height, width)
    rounds = components.scorer.rounds
    further = _further_passes(components, preview.images)
    passes = {"finetune": TRAINING_FACTOR * training, "typicality": scoring, "features": features, **further}
    at_work = (components.finetune, components.scorer, components.features)
    batches = [_batch(part) for part in (*at_work, *(one for one in components.stages if one.name in further))]
    device, rate = matrix_product_rate(device)
    return Cost(
        images=dict(preview.images),
        width=width,
        height=height,
        models=len(components.folds),
        learned=sum(part.images for part in parts if part.example.split == "train")
        if components.training is None
        else sum(learned_from.images.values()),
        scored=sum(part.scored for part in parts),
        training_passes=training,
        scoring_passes=scoring,
        first_scoring_passes=scoring * rounds[0] // rounds[-1] if rounds else scoring,
        feature_passes=features,
        further_passes=further,
        flops=one_pass * sum(passes.values()),
        disk_bytes=_map_bytes(resolved, width, height)
        * sum(part.scored * one for part, one in zip(parts, labels, strict=True)),
        stage_seconds={
            stage: max(one_pass * count / (rate * EFFICIENCY[device]), count / batch * FORWARD_SECONDS[device])
            for (stage, count), batch in zip(passes.items(), batches, strict=True)
        },
        device=device,
        threads=torch_threads() if device == "cpu" else None,
    )


def _further_passes(components: Components, images: Mapping[str, int]) -> dict[str, int]:
    """Forwards of the stages that say so themselves."""
    counted = ((one, one.passes(components, images)) for one in components.stages)
    return {one.name: passes for one, passes in counted if passes}


def _batch(component: Component) -> int:
    """How many pictures pass through the network in one forward."""
    return int(getattr(component.config, "batch_size", USUAL_BATCH))


@contextmanager
def _naming_files_of(table: str, component: Component) -> Iterator[None]:
    """Say which component misses which file."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise DataError(f"[{table}] (use = {component.use!r}) cannot read {what}") from error


def matrix_product_rate(device: str) -> tuple[str, float]:
    """(device, floating point operations a second) of large matrix products on this machine."""
    if device == "cpu" or (device == "auto" and not has_driver()):
        return "cpu", _cpu_rate()
    import torch

    if not torch.cuda.is_available():
        return "cpu", _cpu_rate()
    matrix = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    matrix @ matrix
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(5):
        matrix @ matrix
    torch.cuda.synchronize()
    return "cuda", 5 * 2 * 8192**3 / (time.perf_counter() - started)


def _cpu_rate() -> float:
    """Of one core, by processor time, so that other work on the machine does not count, times torch's threads."""
    matrix = np.ones((1024, 1024), dtype=np.float32)
    with threadpool_limits(1):
        matrix @ matrix
        started = time.process_time()
        for _ in range(5):
            matrix @ matrix
        rate = 5 * 2 * 1024**3 / (time.process_time() - started)
    return rate * torch_threads()


def torch_threads() -> int:
    """The threads that torch will compute with, which is not imported: as the environment says, else usable cores."""
    for variable in THREAD_VARIABLES:
        first = os.environ.get(variable, "").partition(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            return min(int(first), os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _previewed(resolved: Resolved, origin: Origin) -> Preview:
    dataset = resolved.components.datasets[origin]
    with _naming_files_of(origin, dataset):
        return dataset.preview() or _scanned(dataset, resolved.seed)


def _scanned(dataset: Dataset, seed: int) -> Preview:
    source = dataset.open(Path())
    items = choose(source.scan(), dataset.config.labels, dataset.config.per_label, seed)
    sizes = []
    for item in islice(items, SAMPLE):
        try:
            sizes.append(open_upright(source.read(item.path)).size)
        except (PictureError, OSError):
            continue
    if not sizes:
        raise DataError("the dataset holds no readable labelled pictures; look at [dataset] path and its layout")
    width, height = np.median(np.array(sizes), axis=0).astype(int).tolist()
    return Preview(Counter(label for item in items for label in item.labels), width, height)


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of ``[dataset]`` that are there for one thing.

    Attributes:
        images: how many.
        scored: how many of them get maps.
        example: one of them.
    """

    images: int
    scored: int
    example: ImageRecord


def _parts(components: Components, images: Mapping[str, int]) -> Iterator[Part]:
    """What the pictures are there for; those that have a mask or a box are counted as if they were learned from."""
    config, elsewhere = components.dataset.config, components.training is not None
    holdout = 0.0 if config.holdout == "annotated" else config.holdout
    counts: Counter[Split] = Counter()
    mined: Counter[Split] = Counter()
    for count in images.values():
        heldout = count if elsewhere else _share(holdout, count)
        validation = _share(config.validation, heldout if elsewhere else count - heldout)
        heldout -= validation if elsewhere else 0
        train = count - heldout - validation
        of_label: Counter[Split] = Counter({"train": train, "heldout": heldout})
        wanted: tuple[Split, ...] = ("train", "heldout") if elsewhere or config.mine == "all" else (config.mine,)
        minable = sum(of_label[split] for split in wanted)
        share = min(1.0, (config.mine_per_label or minable) / minable) if minable else 0.0
        mined.update({split: math.ceil(share * of_label[split]) for split in wanted})
        counts.update({**of_label, "validation": validation})
    fold = components.folds[-1]
    for split, count in counts.items():
        scored = mined[split] if split == "train" else count
        label = next(iter(images))
        yield Part(
            count, scored, ImageRecord("", "", (label,), 1, 1, "", split, fold=fold if split == "train" else None)
        )


def _share(share: float, count: int) -> int:
    return max(0, min(round(share * count), count - 1))


def _labels_scored(resolved: Resolved, example: ImageRecord, labels: list[str]) -> int:
    """Labels that a picture like ``example``, with one label, is scored under."""
    return len(resolved.components.scorer.labels_to_score(example, sorted(labels), resolved.seed))


def _map_bytes(resolved: Resolved, width: int, height: int) -> int:
    """Of one picture under one label."""
    stride = resolved.components.model.stride if resolved.components.scorer.needs_model else 1
    columns, rows = grid_size(width, height, stride)
    return int((columns // stride) * (rows // stride) * CELL_BYTES)
