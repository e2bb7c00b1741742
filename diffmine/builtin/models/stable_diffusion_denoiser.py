"""The networks behind ``stable-diffusion``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusers import UNet2DConditionModel

from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder
from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.pipeline_denoiser import PipelineDenoiser
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.unet_denoiser import UNetDenoiser
from diffmine.interfaces import TextEncoder


class StableDiffusionDenoiser(PipelineDenoiser, UNetDenoiser):
    """A UNet over the latents of an AutoencoderKL."""

    kind = UNet2DConditionModel
    part = "unet"

    def __init__(
        self,
        network: UNet2DConditionModel,
        autoencoder: LatentAutoencoder,
        schedule: Mapping[str, Any],
        source: PipelineFolder,
    ) -> None:
        """Take loaded parts, on their device, and the scheduler's configuration."""
        UNetDenoiser.__init__(self, network, schedule, stride=autoencoder.stride)
        autoencoder.check_fits(self.latent_channels)
        self.autoencoder, self.source = autoencoder, source

    def text_encoder(self) -> TextEncoder | None:
        if not self.source.has("text_encoder"):
            return None
        return ClipTextEncoder.from_pretrained(self.source.path, self.device, variant=self.source.variant)
