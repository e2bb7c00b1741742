"""A tiny model with its conditioning, ready for scorers and feature extractors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.interfaces import ModelTools
from diffmine.pictures.decoding import to_model
from diffmine.testing.toy_pictures import toy_picture
from diffmine.types import ByteArray, ImageRecord, Picture

LABELS = ("a", "b")


def as_picture(pixels: ByteArray, label: str = LABELS[0]) -> Picture:
    """An array, uint8, (height, width, 3), as a picture of a run; equal pixels have equal digests."""
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    height, width = pixels.shape[:2]
    return Picture(ImageRecord(digest[:20], f"{digest[:8]}.png", (label,), width, height, digest, "train"), pixels)


def toy_tools(folder: Path, *, labels: Sequence[str] = LABELS, seed: int = 0) -> ModelTools:
    """A ``patch-unet`` of 60,000 random weights with ``label-embedding``, written to ``folder`` and opened from there.

    Cells are of 4 px, sides of pictures multiples of 8 px, up-blocks 0 and 1. It has learned nothing but its
    autoencoder; what it computes depends on the picture, the noise and the label all the same.
    """
    model = PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), latent_channels=8, conditioning_width=16))
    encoder = LabelEmbedding(LabelEmbedding.Config())
    denoiser = model.load(torch.device("cpu"))
    pixels = [to_model(toy_picture(position % 2, 2, 32, seed, position)[0], 8) for position in range(8)]
    denoiser.initialise(torch.stack(pixels), seed=seed)
    denoiser.save(folder)
    encoder.load(denoiser, labels, seed=seed).save(folder)
    return ModelTools(model, encoder, device="cpu", seed=seed, labels=labels, folder=folder)
