"""Flux."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from diffmine.builtin.models.flops import flux_transformer_flops
from diffmine.builtin.models.published import PublishedConfig, PublishedModel
from diffmine.interfaces import Denoiser

if TYPE_CHECKING:
    import torch


class Flux(PublishedModel):
    """FLUX.1: a large transformer that predicts the velocity of rectified flow, told by CLIP's pooled vector and by T5.

    The null condition is the null prompt, read by both encoders. FLUX.1-dev was distilled from guided predictions and
    is told how strong the guidance is: at 1 the prediction is meant to be that of the prompt alone, and above 1 what
    the prompt changes is exaggerated, so that errors are no longer those of the best prediction. Pictures are padded at
    the right and at the bottom to multiples of 16 px by repeating their last column and row.
    """

    name = "flux"
    weights = ("transformer", "vae", "text_encoder", "text_encoder_2")
    network_part = "transformer"
    assumed = {
        "num_layers": 19,
        "num_single_layers": 38,
        "num_attention_heads": 24,
        "attention_head_dim": 128,
        "in_channels": 64,
        "joint_attention_dim": 4096,
    }

    class Config(PublishedConfig):
        """Options of ``flux``."""

        guidance: float = Field(
            1.0,
            ge=0,
            description="strength of guidance that a guidance-distilled checkpoint is told, in training as in mining; "
            "of no effect where it takes none, as FLUX.1-schnell",
        )
        text_tokens: int = Field(
            512, ge=1, le=512, description="tokens that T5 reads of a prompt and pads it to; 256 for FLUX.1-schnell"
        )
        shift_size: int = Field(
            1024,
            ge=16,
            description="side in pixels of the square whose shift the noise schedule has, where the checkpoint shifts "
            "by picture size, as FLUX.1-dev; one for all pictures, so that a timestep means the same in each",
        )

    config: Config

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.flux_denoiser import FluxDenoiser

        config = self.config
        return FluxDenoiser.from_pretrained(
            self.checkpoint(folder),
            device,
            self.load_options(folder),
            guidance=config.guidance,
            text_tokens=config.text_tokens,
            shift_size=config.shift_size,
        )

    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        return flux_transformer_flops(network, height, width, tokens=self.config.text_tokens)
