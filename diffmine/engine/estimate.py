"""What a run will cost, before it is paid."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
from diffmine.recipes.resolving import Resolved

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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will take.

    Attributes:
        images: label -> pictures.
        width, height: of a typical picture, as the pipeline sees it.
        training_passes, scoring_passes, feature_passes: pictures that pass through the network in each stage.
        flops: floating point operations of all passes together.
        disk_bytes: maps and pictures' patches in the store, without the model.
        stage_seconds: stage -> what it takes on this machine, to within a factor of about two.
        device: what they were estimated for.
        threads: those of the processor that compute; None on another device.
        stored: stages that need not be computed, as the store has them already.
        first_scoring_passes: of ``scoring_passes``, those of the first round of draws, which alone are certain.
    """

    images: Mapping[str, int]
    width: int
    height: int
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

    @property
    def seconds(self) -> float:
        """What the stages take that are not stored yet."""
        return sum(seconds for stage, seconds in self.stage_seconds.items() if stage not in self.stored)

    @property
    def wants_gpu(self) -> bool:
        """Whether a processor would be busy for more than an hour."""
        return self.device == "cpu" and self.seconds > PATIENCE

    def given(self, stored: Collection[str]) -> Cost:
        """The cost of going on from stages that are stored."""
        return replace(self, stored=tuple(stored))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "seconds": self.seconds, "wants_gpu": self.wants_gpu}


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
    with _naming_files_of("dataset", components.dataset):
        preview = components.dataset.preview() or _scanned(components.dataset, resolved.seed)
    width, height = pipeline_size(preview.width, preview.height, components.dataset.config.image_size)
    total = sum(preview.images.values())
    with _naming_files_of("scorer", components.scorer):
        scoring = total * components.scorer.passes(_labels_scored(resolved, list(preview.images)))
    with _naming_files_of("features", components.features):
        features = total * components.features.passes()
    training, one_pass = 0, 0.0
    if components.needs_model:
        with _naming_files_of("finetune", components.finetune):
            training = components.finetune.trained_pictures()
        with _naming_files_of("model", components.model):
            one_pass = components.model.forward_flops(height, width)
    rounds = components.scorer.rounds
    passes = {"finetune": TRAINING_FACTOR * training, "typicality": scoring, "features": features}
    batches = [_batch(part) for part in (components.finetune, components.scorer, components.features)]
    device, rate = matrix_product_rate(device)
    return Cost(
        images=dict(preview.images),
        width=width,
        height=height,
        training_passes=training,
        scoring_passes=scoring,
        first_scoring_passes=scoring * rounds[0] // rounds[-1] if rounds else scoring,
        feature_passes=features,
        flops=one_pass * sum(passes.values()),
        disk_bytes=_map_bytes(resolved, total, width, height, list(preview.images)),
        stage_seconds={
            stage: max(one_pass * count / (rate * EFFICIENCY[device]), count / batch * FORWARD_SECONDS[device])
            for (stage, count), batch in zip(passes.items(), batches, strict=True)
        },
        device=device,
        threads=torch_threads() if device == "cpu" else None,
    )


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


def _labels_scored(resolved: Resolved, labels: list[str]) -> int:
    """Labels that a picture with one label is scored under."""
    from diffmine.types import ImageRecord

    example = ImageRecord("", "", (labels[0],), 1, 1, "", "train")
    return len(resolved.components.scorer.labels_to_score(example, sorted(labels), resolved.seed))


def _map_bytes(resolved: Resolved, images: int, width: int, height: int, labels: list[str]) -> int:
    stride = resolved.components.model.stride if resolved.components.scorer.needs_model else 1
    columns, rows = grid_size(width, height, stride)
    return int(images * _labels_scored(resolved, labels) * (columns // stride) * (rows // stride) * CELL_BYTES)
