"""Linear SVMs over windows: fitting, keeping, applying."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file, save_file

from diffmine.interfaces import ModelTools, Progress, Scoring, TrainingSet
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, FloatArray, ImageRecord, Picture, TypicalityMap
from diffmine_hog.cells import cell_grid, windows

if TYPE_CHECKING:
    from diffmine_hog.scorer import HogSvm

TENSORS, FACTS = "svms.safetensors", "svms.json"


@dataclass(frozen=True, slots=True)
class Svms:
    """Fitted SVMs.

    Attributes:
        labels: sorted.
        weights: float32, (folds, labels, dims).
        biases: float32, (folds, labels).
        folds: image id of a training picture -> the fold whose SVMs have not seen it.
    """

    labels: Sequence[str]
    weights: FloatArray
    biases: FloatArray
    folds: Mapping[str, int]

    def of(self, image_id: str, label: str) -> tuple[FloatArray, float]:
        """Weights and bias for a picture: those that have not seen it; the mean of all for one that none has seen."""
        chosen = [self.folds[image_id]] if image_id in self.folds else slice(None)
        at = self.labels.index(label)
        return self.weights[chosen, at].mean(axis=0), float(self.biases[chosen, at].mean())

    def save(self, folder: Path) -> None:
        """As safetensors and JSON."""
        save_file({"weights": self.weights, "biases": self.biases}, folder / TENSORS)
        facts = {"labels": list(self.labels), "folds": dict(self.folds)}
        (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> Svms:
        """What ``save`` wrote."""
        tensors, facts = load_file(folder / TENSORS), json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return Svms(facts["labels"], tensors["weights"], tensors["biases"], facts["folds"])


class SvmScoring(Scoring):
    """Scoring of ``hog-svm``."""

    def __init__(self, config: HogSvm.Config, svms: Svms) -> None:
        self._config, self._svms, self.stride = config, svms, config.cell

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        """One decision value a cell, of the window around it."""
        scored = []
        for picture, wanted in zip(pictures, labels, strict=True):
            scored.append(self._maps(picture, wanted))
            progress.advance()
        return scored

    def _maps(self, picture: Picture, labels: Sequence[str]) -> list[TypicalityMap]:
        image_id = picture.record.image_id
        features = features_of(self._config, picture)
        models = [self._svms.of(image_id, label) for label in labels]
        return [
            TypicalityMap(image_id, label, (features @ weights + bias).astype(np.float32))
            for label, (weights, bias) in zip(labels, models, strict=True)
        ]


def features_of(config: HogSvm.Config, picture: Picture) -> FloatArray:
    """The features of the window around each cell, float32, (h, w, dims)."""
    return windows(cell_grid(picture.pixels, config.cell, config.orientations), config.reach)


def fit(config: HogSvm.Config, data: TrainingSet, tools: ModelTools, progress: Progress) -> Svms:
    """Fit the SVMs of every fold and label; every label has at least as many pictures as there are folds."""
    progress.start(len(data.train), "pictures")
    examples = []
    for record in data.train:
        examples.append(_examples(config, data.picture(record), tools.seed))
        progress.advance()
    folds = deal(data.train, tools.labels, config.folds)
    fold = np.array([folds[record.image_id] for record in data.train])
    carried = np.array([[label in record.labels for label in tools.labels] for record in data.train])
    progress.start(config.folds, "folds")
    fitted = []
    for left_out in range(config.folds):
        chosen = np.flatnonzero(fold != left_out)
        counts = [len(examples[place]) for place in chosen]
        features = np.concatenate([examples[place] for place in chosen])
        fitted.append(_one_fold(config, features, carried[chosen].repeat(counts, axis=0)))
        progress.advance()
    weights, biases = (np.stack(parts).astype(np.float32) for parts in zip(*fitted, strict=True))
    return Svms(tools.labels, weights, biases, folds)


def deal(records: Iterable[ImageRecord], labels: Sequence[str], folds: int) -> dict[str, int]:
    """Deal each label's pictures out among the folds, in the order of their content."""
    dealt: dict[str, int] = {}
    for label in labels:
        mine = sorted((one for one in records if label in one.labels), key=lambda one: one.digest)
        for place, record in enumerate(mine):
            dealt.setdefault(record.image_id, place % folds)
    return dealt


def _examples(config: HogSvm.Config, picture: Picture, seed: int) -> FloatArray:
    features = features_of(config, picture)
    rows = features.reshape(-1, features.shape[-1])
    return rows[numpy_generator(seed, "windows", picture.record.digest).permutation(len(rows))[: config.windows]]


def _one_fold(config: HogSvm.Config, features: FloatArray, carried: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Weights, (labels, dims), and biases, (labels,), for features as they are; fitted to standardised ones."""
    from sklearn.svm import LinearSVC

    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    standardised = (features - mean) / deviation
    weights, biases = [], []
    for own in carried.T:
        svm = LinearSVC(C=config.regularisation, class_weight="balanced", dual=False)
        svm.fit(standardised, own)
        weights.append(svm.coef_[0] / deviation)
        biases.append(svm.intercept_[0] - float(weights[-1] @ mean))
    return np.stack(weights), np.array(biases)
