"""Stable Diffusion 1 and 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from diffmine.builtin.models.flops import unet_flops
from diffmine.builtin.pretrained import fetch, read_settings
from diffmine.checkpoints import checkpoint_fingerprint
from diffmine.errors import ModelError
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Denoiser, DiffusionModel, PretrainedPath

if TYPE_CHECKING:
    import torch

PARTS = ("unet", "vae", "text_encoder")
STRIDE = 8
TOKENS = 77
STABLE_DIFFUSION_1_5: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
"""The UNet's configuration; what estimates assume for a checkpoint that is not on this machine."""


class CheckpointConfig(ComponentConfig):
    """Options of models that load a diffusers pipeline."""

    path: PretrainedPath = Field(description="folder of a diffusers pipeline, or a hub id")
    revision: str | None = Field(None, description="branch, tag or commit of a hub id; omitted: its main branch")
    variant: str | None = Field(None, description="variant of the weight files, such as fp16; omitted: the plain ones")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="precision of the network; auto: bfloat16 on CUDA, float32 elsewhere"
    )
    vae_tiling: bool = Field(False, description="encode pictures above 512 px in tiles: less memory, visible seams")
    local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(False, description="never ask the hub")
    compile: Annotated[bool, OUTSIDE_KEY] = Field(False, description="compile the network with torch.compile")


class StableDiffusion(DiffusionModel):
    """Stable Diffusion 1.x or 2.x, or any pipeline with a UNet2DConditionModel and an AutoencoderKL.

    Epsilon or v-prediction is read from the scheduler's configuration. Pictures are padded at the right and at the
    bottom to the UNet's multiple (64 px for the published checkpoints) by repeating their last column and row.
    """

    name = "stable-diffusion"
    Config = CheckpointConfig
    config: CheckpointConfig

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.stable_diffusion_denoiser import StableDiffusionDenoiser

        return StableDiffusionDenoiser.from_pretrained(
            folder or fetch_checkpoint(self.config, PARTS),
            device,
            variant=None if folder else self.config.variant,
            dtype=self.config.dtype,
            vae_tiling=self.config.vae_tiling,
            compile_network=self.config.compile,
        )

    @property
    def pretrained(self) -> bool:
        return True

    def fingerprint(self) -> str:
        return checkpoint_fingerprint(self.config.path, self.config.revision)

    def forward_flops(self, height: int, width: int) -> float:
        try:
            unet = read_settings(
                fetch_checkpoint(self.config.model_copy(update={"local_files_only": True}), ()), "unet/config.json"
            )
        except ModelError:
            unet = STABLE_DIFFUSION_1_5
        return unet_flops(unet, -(-height // STRIDE), -(-width // STRIDE), tokens=TOKENS)


def fetch_checkpoint(config: CheckpointConfig, parts: tuple[str, ...]) -> Path:
    """The folder of the checkpoint that the options name."""
    return fetch(
        config.path,
        parts=parts,
        revision=config.revision,
        variant=config.variant,
        local_files_only=config.local_files_only,
    )
