"""Denoising a sample once, and keeping what each draw gave. Imports torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from diffmine.diffusion.scoring import LossScoring
from diffmine.files.atomic import shard_is_done, write_shard
from diffmine.tuning.sample import Sampled
from diffmine.tuning.terms import PER_VALUE, T_MAX, T_MIN, Terms
from diffmine.types import ImageRecord, Picture

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion import LossConfig, LossScorer
    from diffmine.diffusion.scoring import Measured
    from diffmine.interfaces import ModelTools, Progress

BATCH = 4
"""Pictures in a file of what was measured, which an interrupted run finds again."""


def measuring_config(config: LossConfig, draws: int) -> LossConfig:
    """The scorer's options with draws spread over the whole range of timesteps, and nothing blurred yet."""
    changed = {"timesteps": "stratified", "antithetic": True, "smoothing": 0.0}
    return config.model_copy(update={"draws": draws, "t_min": T_MIN, "t_max": T_MAX, **changed})


class Recorder:
    """A scorer's gain that keeps what it returns, draw by draw."""

    def __init__(self, scorer: LossScorer) -> None:
        self._gain, self._influence = scorer.gain, scorer.influence()
        self._kept: dict[tuple[str, str], list[tuple[Tensor, ...]]] = defaultdict(list)

    def gain(self, measured: Measured, label: str) -> Tensor:
        """What the scorer makes of some draws."""
        gain = self._gain(measured, label)
        further = () if self._influence is None else (measured.further[self._influence][label],)
        self._kept[measured.record.image_id, label].append((measured.fractions, gain, *further))
        return gain

    def taken(self, sampled: Sampled) -> dict[str, np.ndarray]:
        """What was kept of a picture, by name, the values in the order of their timesteps."""
        image_id = sampled.record.image_id
        by_label = [
            [torch.cat(parts) for parts in zip(*self._kept[image_id, label], strict=True)] for label in sampled.pair
        ]
        for label in sampled.labels:
            self._kept.pop((image_id, label), None)
        fractions = by_label[0][0][::PER_VALUE]
        order = fractions.argsort()
        found = {"fractions": fractions[order]}
        for place, name in enumerate(("gain", "influence")[: len(by_label[0]) - 1], 1):
            shape = (-1, PER_VALUE, *by_label[0][place].shape[1:])
            found[name] = torch.stack([parts[place].reshape(shape).mean(1)[order] for parts in by_label])
        return {name: values.float().cpu().numpy() for name, values in found.items()}


def measure(
    scorer: LossScorer,
    config: LossConfig,
    sampled: Sequence[Sampled],
    tools: Callable[[int | None], ModelTools],
    picture: Callable[[ImageRecord], Picture],
    folder: Path,
    progress: Progress,
) -> int:
    """Denoise every picture of a sample; files that are there already are kept.

    Args:
        config: see :func:`measuring_config`.
        tools: the model of a fold, see ``ImageRecord.fold``.
        picture: opens a picture.
        folder: receives the files.
        progress: told of the pictures.
    Returns:
        forwards of the network that were made.
    """
    progress.start(len(sampled), "images")
    batches = list(_batches(sampled))
    missing = [
        (path, batch) for path, batch in ((folder / name, batch) for name, batch in batches) if not shard_is_done(path)
    ]
    progress.advance(len(sampled) - sum(len(batch) for _, batch in missing))
    for fold, of_fold in groupby(missing, key=lambda pair: pair[1][0].record.fold):
        recorder = Recorder(scorer)
        scoring = LossScoring(tools(fold), config, recorder.gain, scorer.influence(), scorer.measures())
        for path, batch in of_fold:
            pictures = [picture(one.record) for one in batch]
            scoring.score(pictures, [one.labels for one in batch], progress)
            tensors: dict[str, NDArray[Any]] = {"stride": np.array(scoring.stride, dtype=np.int32)}
            for one in batch:
                tensors |= {f"{one.record.image_id}/{name}": values for name, values in recorder.taken(one).items()}
            write_shard(path, save(tensors))
    return sum(config.rounds[-1] * (1 + len(one.labels)) for _, batch in missing for one in batch)


def measured(sampled: Sequence[Sampled], folder: Path) -> list[Terms]:
    """What :func:`measure` wrote, in the order of the sample's files."""
    return [
        _terms(one, load) for name, batch in _batches(sampled) for load in [load_file(folder / name)] for one in batch
    ]


def _terms(one: Sampled, tensors: Mapping[str, np.ndarray]) -> Terms:
    fractions, gain, influence = (
        tensors.get(f"{one.record.image_id}/{name}") for name in ("fractions", "gain", "influence")
    )
    assert fractions is not None
    assert gain is not None
    return Terms(one, fractions, gain, influence, int(tensors["stride"]))


def _batches(sampled: Sequence[Sampled]) -> Iterator[tuple[str, Sequence[Sampled]]]:
    """Some pictures of one fold at a time, with the name of their file."""

    def fold_of(one: Sampled) -> int:
        return -1 if one.record.fold is None else one.record.fold

    for fold, members in groupby(sorted(sampled, key=fold_of), key=fold_of):
        of_fold = list(members)
        for start in range(0, len(of_fold), BATCH):
            yield f"{fold + 1}-{start:05d}.safetensors", of_fold[start : start + BATCH]
