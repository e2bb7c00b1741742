"""The networks behind ``stable-diffusion``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder
from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.precision import network_dtype
from diffmine.builtin.models.unet_denoiser import UNetDenoiser
from diffmine.builtin.pretrained import copy_part, read_settings
from diffmine.errors import ModelError
from diffmine.interfaces import TextEncoder

FROZEN_PARTS = ("vae", "scheduler", "text_encoder", "tokenizer", "feature_extractor")
"""Copied as they are when the model is saved."""


class StableDiffusionDenoiser(UNetDenoiser):
    """A UNet over the latents of an AutoencoderKL."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        autoencoder: LatentAutoencoder,
        schedule: dict[str, Any],
        *,
        source: Path,
        variant: str | None,
    ) -> None:
        """Take loaded parts.

        Args:
            unet, autoencoder, schedule: the parts, on their device.
            source: the pipeline's folder, from which ``save`` copies the frozen parts.
            variant: of the weight files in ``source``.
        """
        super().__init__(unet, schedule, stride=autoencoder.stride)
        if autoencoder.channels != self.latent_channels:
            raise ModelError(
                f"the autoencoder in {source} has {autoencoder.channels} latent channels, "
                f"but the UNet takes {self.latent_channels}; use parts of one checkpoint"
            )
        self.autoencoder = autoencoder
        self._source, self._variant = source, variant

    @classmethod
    def from_pretrained(
        cls,
        folder: Path,
        device: torch.device,
        *,
        variant: str | None,
        dtype: str,
        vae_tiling: bool,
        compile_network: bool,
    ) -> StableDiffusionDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        try:
            unet = UNet2DConditionModel.from_pretrained(
                folder,
                subfolder="unet",
                variant=variant,
                use_safetensors=True,
                torch_dtype=network_dtype(dtype, device),
            )
            autoencoder = LatentAutoencoder.from_pretrained(folder, device, variant=variant, tiling=vae_tiling)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} is not a Stable Diffusion checkpoint in safetensors: {error}") from error
        schedule = read_settings(folder, "scheduler/scheduler_config.json")
        denoiser = cls(unet.to(device), autoencoder, schedule, source=folder, variant=variant)
        if compile_network:
            unet.compile()
        return denoiser

    def encode(self, pixels: Tensor) -> Tensor:
        return self.autoencoder.encode(pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents)

    def text_encoder(self) -> TextEncoder | None:
        if not (self._source / "text_encoder").is_dir():
            return None
        return ClipTextEncoder.from_pretrained(self._source, self.device, variant=self._variant)

    def save(self, folder: Path) -> None:
        """Write the UNet and copy the frozen parts; the result loads in ``StableDiffusionPipeline``."""
        self._unet.save_pretrained(folder / "unet", safe_serialization=True)
        present = [part for part in FROZEN_PARTS if (self._source / part).is_dir()]
        for part in present:
            if self._source != folder:
                copy_part(self._source / part, folder / part, variant=self._variant)
        (folder / "model_index.json").write_text(json.dumps(self._index(present), indent=2) + "\n")

    def _index(self, present: list[str]) -> dict[str, Any]:
        """The source's ``model_index.json`` without the parts that are not copied, such as the safety checker."""
        index = {"_class_name": "StableDiffusionPipeline", **read_settings(self._source, "model_index.json")}
        kept = {key: value for key, value in index.items() if not isinstance(value, list) or key in (*present, "unet")}
        absent = {part: [None, None] for part in ("feature_extractor", "image_encoder", "safety_checker")}
        return {**absent, **kept, "requires_safety_checker": False}
