"""Stable Diffusion 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.builtin.models.flops import unet_flops
from diffmine.builtin.models.published import PublishedModel
from diffmine.interfaces import Denoiser

if TYPE_CHECKING:
    import torch

TOKENS = 77


class StableDiffusion(PublishedModel):
    """Stable Diffusion 1.x or 2.x, or any pipeline with a UNet2DConditionModel and an AutoencoderKL.

    Epsilon or v-prediction is read from the scheduler's configuration. Pictures are padded at the right and at the
    bottom to the UNet's multiple (64 px for the published checkpoints) by repeating their last column and row.
    """

    name = "stable-diffusion"
    weights = ("unet", "vae", "text_encoder")
    network_part = "unet"
    assumed = {
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    }

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.stable_diffusion_denoiser import StableDiffusionDenoiser

        return StableDiffusionDenoiser.from_pretrained(self.checkpoint(folder), device, self.load_options(folder))

    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        return unet_flops(network, height, width, tokens=TOKENS)
