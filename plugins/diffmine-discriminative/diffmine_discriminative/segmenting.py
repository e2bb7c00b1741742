"""Learning from a few masks: which are read, and the training. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from diffmine.errors import DataError
from diffmine.interfaces import ModelTools, Progress, TrainingSet
from diffmine.numerics.seeding import derive_seed, torch_generator
from diffmine.types import ByteArray, ImageRecord
from diffmine_discriminative.classifier import Outputs
from diffmine_discriminative.examples import Batch, Examples
from diffmine_discriminative.learning import learn
from diffmine_discriminative.network import STRIDE, Network
from diffmine_discriminative.options import NetworkConfig

UNKNOWN = 255
"""What stands in a target where a label that the picture carries is not annotated."""


def chosen(data: TrainingSet, labels: Sequence[str], masks: int, seed: int, progress: Progress) -> list[ImageRecord]:
    """Training pictures that show the element of each label, drawn by the seed and the pictures' content.

    Raises:
        DataError: no training picture of a label has a mask that is not empty.
    """
    found: dict[str, ImageRecord] = {}
    for label in labels:
        carrying = (record for record in data.train if label in record.labels)
        order = sorted(carrying, key=lambda record: derive_seed(seed, "few-shot", label, record.digest))
        shown = []
        for record in order:
            if data.masks(record).get(label, np.zeros(1, bool)).any():
                shown.append(record)
            if len(shown) == masks:
                break
        if not shown:
            raise DataError(
                f"none of the {len(order)} training pictures of {label!r} has a mask, and few-shot-masks learns from "
                "masks; give the dataset masks, leave the label out with dataset.labels, or choose a scorer that needs "
                "none, such as cnn-cam"
            )
        if len(shown) < masks:
            progress.warn(f"few-shot-masks: {label} has {len(shown)} training pictures with a mask, not {masks}")
        found |= {record.image_id: record for record in shown}
    return list(found.values())


def learn_masks(
    config: NetworkConfig, data: TrainingSet, records: Sequence[ImageRecord], tools: ModelTools, progress: Progress
) -> Outputs:
    """Train a network that tells each pixel of these pictures, by binary cross-entropy for each label."""
    carried = {record.image_id: [one for one in record.labels if one in tools.labels] for record in records}
    targets = {record.image_id: _target(data, record, carried[record.image_id]) for record in records}
    rows = [[tools.labels.index(label) for label in carried[record.image_id]] for record in records]

    def loss(maps: Tensor, batch: Batch) -> Tensor:
        height, width = batch.layers[0].shape[:2]
        wanted = torch.zeros((len(maps), maps.shape[1], height, width))
        for number, (place, layers) in enumerate(zip(batch.places, batch.layers, strict=True)):
            wanted[number, rows[place]] = torch.from_numpy(layers[..., 3:].transpose(2, 0, 1).astype(np.float32))
        wanted = wanted.to(maps.device)
        # As maps are brought to the picture's size wherever they are shown or judged.
        cells = functional.interpolate(maps, scale_factor=STRIDE, mode="bilinear")[..., :height, :width]
        losses = functional.binary_cross_entropy_with_logits(cells, wanted.clamp(max=1), reduction="none")
        return losses[wanted != UNKNOWN].mean()

    network = Network(config, len(tools.labels), torch_generator(tools.seed, "few-shot"))
    examples = Examples(config, data, records, (tools.seed, "few-shot"), targets)
    learn(config, network, examples, loss, tools.device, progress)
    return Outputs(network, tools.labels)


def _target(data: TrainingSet, record: ImageRecord, labels: Sequence[str]) -> ByteArray:
    """0, 1 or ``UNKNOWN`` for each pixel and label that the picture carries, (height, width, labels)."""
    masks = data.masks(record)
    unknown = np.full((record.height, record.width), UNKNOWN, np.uint8)
    return np.stack([masks[label].astype(np.uint8) if label in masks else unknown for label in labels], axis=-1)
