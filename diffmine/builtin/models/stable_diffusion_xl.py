"""Stable Diffusion XL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from diffmine.builtin.models.flops import unet_flops
from diffmine.builtin.models.published import PublishedConfig, PublishedModel
from diffmine.interfaces import Denoiser

if TYPE_CHECKING:
    import torch

TOKENS = 77
Side = Annotated[int, Field(ge=1)]
Offset = Annotated[int, Field(ge=0)]


class StableDiffusionXL(PublishedModel):
    """Stable Diffusion XL: a larger UNet, told by two CLIP encoders, a pooled vector and the picture's size.

    Epsilon or v-prediction is read from the scheduler's configuration. Pictures are padded at the right and at the
    bottom to multiples of 32 px by repeating their last column and row. An empty prompt is told as zeros where the
    checkpoint says ``force_zeros_for_empty_prompt``, as diffusers does where no negative prompt is given.
    """

    name = "stable-diffusion-xl"
    weights = ("unet", "vae", "text_encoder", "text_encoder_2")
    network_part = "unet"
    assumed = {
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280),
        "layers_per_block": 2,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    }

    class Config(PublishedConfig):
        """Options of ``stable-diffusion-xl``."""

        original_size: tuple[Side, Side] | None = Field(
            None,
            description="height and width in pixels that the model is told pictures had before they were scaled; "
            "omitted: those that it sees",
        )
        crop_top_left: tuple[Offset, Offset] = Field(
            (0, 0), description="what the model is told was cut off at the top and at the left, in pixels"
        )

    config: Config

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.stable_diffusion_xl_denoiser import Framing, StableDiffusionXLDenoiser

        framing = Framing(self.config.original_size, self.config.crop_top_left)
        options = self.load_options(folder)
        return StableDiffusionXLDenoiser.from_pretrained(self.checkpoint(folder), device, options, framing)

    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        return unet_flops(network, height, width, tokens=TOKENS)
