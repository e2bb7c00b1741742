"""The networks behind ``stable-diffusion``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder
from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.loading import LoadOptions, load_network
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.unet_denoiser import UNetDenoiser
from diffmine.builtin.pretrained import read_settings
from diffmine.interfaces import TextEncoder


class StableDiffusionDenoiser(UNetDenoiser):
    """A UNet over the latents of an AutoencoderKL."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        autoencoder: LatentAutoencoder,
        schedule: dict[str, Any],
        source: PipelineFolder,
    ) -> None:
        """Take loaded parts, on their device; ``source`` is where ``save`` copies the frozen parts from."""
        super().__init__(unet, schedule, stride=autoencoder.stride)
        autoencoder.check_fits(self.latent_channels)
        self.autoencoder = autoencoder
        self._source = source

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> StableDiffusionDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        unet = load_network(UNet2DConditionModel, folder, "unet", device, options)
        autoencoder = LatentAutoencoder.from_pretrained(folder, device, options)
        schedule = read_settings(folder, "scheduler/scheduler_config.json")
        return cls(unet, autoencoder, schedule, PipelineFolder(folder, options.variant))

    def encode(self, pixels: Tensor) -> Tensor:
        return self.autoencoder.encode(pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents)

    def text_encoder(self) -> TextEncoder | None:
        if not self._source.has("text_encoder"):
            return None
        return ClipTextEncoder.from_pretrained(self._source.path, self.device, variant=self._source.variant)

    def prepare_training(self) -> None:
        self._source.reload_precisely(self._unet, "unet")

    def save(self, folder: Path) -> None:
        """Write the UNet and copy the frozen parts; the result loads in ``StableDiffusionPipeline``."""
        self._source.save(folder, "unet", self._unet)
