"""Stable Diffusion 3: a transformer trained by flow matching."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.builtin.models.flops import joint_transformer_flops
from diffmine.builtin.models.published import PublishedModel
from diffmine.interfaces import Denoiser

if TYPE_CHECKING:
    import torch

TOKENS = 77 + 256
"""Of the two CLIP encoders, which share positions, and of T5."""


class StableDiffusion3(PublishedModel):
    """Stable Diffusion 3 or 3.5: a transformer that predicts the velocity of rectified flow.

    Positions on the noise schedule pass through the scheduler's shift, so that they are spread as in sampling.
    Pictures are padded at the right and at the bottom to multiples of 16 px by repeating their last column and row.
    """

    name = "stable-diffusion-3"
    weights = ("transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
    network_part = "transformer"
    assumed = {
        "num_layers": 24,
        "num_attention_heads": 24,
        "attention_head_dim": 64,
        "patch_size": 2,
        "in_channels": 16,
        "joint_attention_dim": 4096,
    }

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.stable_diffusion_3_denoiser import StableDiffusion3Denoiser

        return StableDiffusion3Denoiser.from_pretrained(self.checkpoint(folder), device, self.load_options(folder))

    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        return joint_transformer_flops(network, height, width, tokens=TOKENS)
