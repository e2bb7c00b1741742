"""A tiny model with its conditioning, ready for scorers and feature extractors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.interfaces import Denoiser, DiffusionModel, FeatureExtractor, ModelTools, Progress, TypicalityScorer
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


class UntouchableModel(DiffusionModel):
    """A model for components that say they need none: to load it is an error."""

    name = "untouchable"

    @property
    def pretrained(self) -> bool:
        return False

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        raise AssertionError("the component says needs_model = False, but uses the model")

    def forward_flops(self, height: int, width: int) -> float:
        return 0.0


def fitted_tools(
    component: TypicalityScorer | FeatureExtractor, model: Callable[[], ModelTools], folder: Path
) -> ModelTools:
    """The tools that a run opens the component with: with what it fitted, and with a model only where it needs one.

    Args:
        model: makes the tools of a component that needs the model.
        folder: empty; receives what the component fits.
    """
    from diffmine.testing.toy_training import toy_training_set

    tools = model() if component.needs_model else without_model()
    component.fit(toy_training_set(masks=component.needs_masks), tools, folder=folder, progress=Progress())
    return tools.with_fitted(folder if any(folder.iterdir()) else None)


def without_model() -> ModelTools:
    """Tools for the labels ``LABELS`` whose model must not be used."""
    model, encoder = UntouchableModel(UntouchableModel.Config()), LabelEmbedding(LabelEmbedding.Config())
    return ModelTools(model, encoder, device="cpu", seed=0, labels=LABELS, folder=None)
