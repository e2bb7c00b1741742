"""PixArt: a transformer with the noise schedule of DDPM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.builtin.models.flops import cross_transformer_flops
from diffmine.builtin.models.published import PublishedModel
from diffmine.interfaces import Denoiser

if TYPE_CHECKING:
    import torch

TOKENS = 300


class PixArt(PublishedModel):
    """PixArt-alpha or PixArt-sigma: a transformer that predicts the noise, told by T5.

    Pictures are padded at the right and at the bottom to multiples of 16 px by repeating their last column and row.
    """

    name = "pixart"
    weights = ("transformer", "vae", "text_encoder")
    network_part = "transformer"
    assumed = {
        "num_layers": 28,
        "num_attention_heads": 16,
        "attention_head_dim": 72,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 8,
        "cross_attention_dim": 1152,
        "caption_channels": 4096,
    }

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.pixart_denoiser import PixArtDenoiser

        return PixArtDenoiser.from_pretrained(self.checkpoint(folder), device, self.load_options(folder))

    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        return cross_transformer_flops(network, height, width, tokens=TOKENS)
