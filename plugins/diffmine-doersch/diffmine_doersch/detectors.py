"""The detectors of all labels: finding them once for whoever needs them, keeping them, where they fire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from diffmine.errors import DataError
from diffmine.interfaces import ModelTools, Progress, TrainingSet
from diffmine.numerics.upsampling import regrid
from diffmine.types import ByteArray, FloatArray
from diffmine_doersch.options import DetectorConfig

TENSORS, FACTS = "detectors.safetensors", "detectors.json"


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of each label, the purest first.

    Attributes:
        weights: label -> float32, (detectors, dims).
        biases: label -> float32, (detectors,).
        purity: label -> of the top firings of each detector, the share in the label's pictures.
    """

    weights: Mapping[str, FloatArray]
    biases: Mapping[str, FloatArray]
    purity: Mapping[str, Sequence[float]]

    def responses(self, config: DetectorConfig, pixels: ByteArray, labels: Sequence[str]) -> dict[str, FloatArray]:
        """The log odds of each detector around each cell, of the size of window that it likes best there.

        Args:
            pixels: uint8, (height, width, 3).
        Returns:
            label -> float32, (h, w, detectors); cells are of ``config.cell`` px.
        """
        from diffmine_doersch.windows import levels

        height, width = pixels.shape[:2]
        cells = (-(-height // config.cell), -(-width // config.cell))
        best: dict[str, FloatArray] = {}
        for level in levels(config, pixels):
            corner = level.boxes[0, 0]
            side = (2 * config.reach + 1) * config.cell
            cell = (side / float(corner[2] - corner[0]), side / float(corner[3] - corner[1]))
            for label in labels:
                fired = level.described @ self.weights[label].T + self.biases[label]
                here = regrid(fired, cells, cell)
                best[label] = here if label not in best else np.maximum(best[label], here)
        return best

    def save(self, folder: Path) -> None:
        """As safetensors and JSON."""
        labels = list(self.weights)
        tensors = {f"weights/{number}": self.weights[label] for number, label in enumerate(labels)}
        tensors |= {f"biases/{number}": self.biases[label] for number, label in enumerate(labels)}
        # safetensors writes an array's memory, whatever its strides.
        save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, folder / TENSORS)
        facts = {"labels": labels, "purity": dict(self.purity)}
        (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")

    @staticmethod
    def load(folder: Path | None) -> Detectors:
        """What ``save`` wrote.

        Raises:
            DataError: nothing was fitted.
        """
        if folder is None:
            raise DataError("doersch was opened before it was fitted; call fit and give its folder as tools.fitted")
        tensors, facts = load_file(folder / TENSORS), json.loads((folder / FACTS).read_text(encoding="utf-8"))
        weights, biases = (
            {label: tensors[f"{part}/{number}"] for number, label in enumerate(facts["labels"])}
            for part in ("weights", "biases")
        )
        return Detectors(weights, biases, facts["purity"])


_found: dict[Any, Detectors] = {}
"""The detectors that were found last, as the scorer and the extractor of a run need the same."""


def find(config: DetectorConfig, data: TrainingSet, tools: ModelTools, progress: Progress) -> Detectors:
    """Find the detectors of every label in the training pictures.

    Raises:
        DataError: there are fewer than two labels, or a label has fewer than three training pictures.
    """
    _check(data, tools.labels)
    pictures = tuple((one.digest, one.labels, one.height, one.width) for one in data.train)
    key = (config.model_dump_json(), tools.seed, tools.labels, pictures)
    if key not in _found:
        found = _search(config, data, tools, progress)
        _found.clear()
        _found[key] = found
    return _found[key]


def _search(config: DetectorConfig, data: TrainingSet, tools: ModelTools, progress: Progress) -> Detectors:
    from diffmine_doersch.bank import collect
    from diffmine_doersch.discovery import discover

    bank = collect(config, data, tools.labels, tools.seed, progress)
    progress.start(len(tools.labels), "labels")
    found = {}
    for number, label in enumerate(tools.labels):
        found[label] = discover(config, bank, number, tools.seed)
        progress.advance()
    return Detectors(
        {label: one.weights for label, one in found.items()},
        {label: one.biases for label, one in found.items()},
        {label: one.purity.tolist() for label, one in found.items()},
    )


def _check(data: TrainingSet, labels: Sequence[str]) -> None:
    counts = {label: sum(label in record.labels for record in data.train) for label in labels}
    if len(counts) < 2:
        raise DataError("doersch tells labels apart, and the pictures have only one; add pictures of another label")
    for label, count in counts.items():
        if not 3 <= count <= len(data.train) - 3:
            raise DataError(
                f"doersch needs three training pictures with each label and three without, and {label!r} has {count} "
                f"of {len(data.train)}; add pictures, or lower dataset.holdout"
            )
