"""A tiny model and tiny pictures to train on, for tests of finetuners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.interfaces import Event, ModelTools, TrainingSet
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import LABELS, as_picture
from diffmine.types import BoolArray, Picture


def toy_training_set(
    *,
    train: int = 10,
    heldout: int = 4,
    size: int = 32,
    crop: Literal["none", "center", "random"] = "none",
    masks: bool = False,
) -> TrainingSet:
    """Pictures of the labels ``LABELS`` in turn, of ``size`` px; with ``masks`` for a component that needs them."""
    drawn = [_toy(number, size) for number in range(train + heldout)]
    pictures = [picture for picture, _ in drawn]
    data = training_set(pictures[:train], pictures[train:], crop=crop)
    known = {picture.record.image_id: {picture.record.labels[0]: mask} for picture, mask in drawn[:train]}
    return replace(data, masks=lambda record: known[record.image_id]) if masks else data


def training_set(
    train: Sequence[Picture], heldout: Sequence[Picture] = (), *, crop: Literal["none", "center", "random"] = "none"
) -> TrainingSet:
    """These pictures as a finetuner is given them."""
    known = {picture.record.image_id: picture for picture in (*train, *heldout)}
    return TrainingSet(
        [picture.record for picture in train],
        [replace(picture.record, split="heldout") for picture in heldout],
        lambda record: known[record.image_id],
        crop,
    )


def untrained_tools(*, seed: int = 0) -> ModelTools:
    """A ``patch-unet`` of 60,000 weights that has learned nothing, with ``label-embedding``."""
    model = PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), latent_channels=8, conditioning_width=16))
    encoder = LabelEmbedding(LabelEmbedding.Config())
    return ModelTools(model, encoder, device="cpu", seed=seed, labels=LABELS, folder=None)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of every safetensors file below a folder."""
    from safetensors.torch import load_file

    files = sorted(folder.rglob("*.safetensors"))
    named = ((path.relative_to(folder).as_posix(), load_file(path)) for path in files)
    return {f"{path}:{name}": tensor for path, tensors in named for name, tensor in tensors.items()}


class StoppedError(Exception):
    """Raised by :class:`StopAt`."""


class StopAt:
    """A listener that stops the work when it has advanced so far, as Ctrl-C would."""

    def __init__(self, units: int) -> None:
        self.left = units

    def __call__(self, event: Event) -> None:
        if event.what == "advanced":
            self.left -= event.amount
            if self.left <= 0:
                raise StoppedError


def _toy(number: int, size: int) -> tuple[Picture, BoolArray]:
    position = number % len(LABELS)
    pixels, mask = toy_picture(position, len(LABELS), size, 0, number)
    return as_picture(pixels, LABELS[position]), mask
