"""A small latent diffusion model that learns on a laptop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from diffmine.builtin.models.flops import unet_flops
from diffmine.errors import ModelError
from diffmine.interfaces import ComponentConfig, Denoiser, DiffusionModel, PretrainedPath
from diffmine.weights.fingerprint import checkpoint_fingerprint

if TYPE_CHECKING:
    import torch

BASE = Path(__file__).parent / "patch_unet_base"
"""The base model that ships with diffmine."""
ATTENTION_HEADS = 32
"""What ``UNet2DConditionModel`` calls ``attention_head_dim`` is the number of heads."""
NORM_GROUPS = 16
ARCHITECTURE = ("patch_size", "latent_channels", "channels", "layers", "conditioning_width")
"""Options that describe a model that starts from nothing."""


def _checked_channels(channels: tuple[int, ...]) -> tuple[int, ...]:
    if any(width % NORM_GROUPS for width in channels) or channels[-1] % ATTENTION_HEADS:
        raise ValueError(
            f"give multiples of {NORM_GROUPS}, such as (48, 96, 128); the last is a multiple of {ATTENTION_HEADS}"
        )
    return channels


class PatchUNet(DiffusionModel):
    """A small UNet over whitened pixel patches, with v-prediction; trains on two CPU cores in minutes."""

    name = "patch-unet"

    class Config(ComponentConfig):
        """Options of ``patch-unet``; the architecture's are for ``start = "scratch"``, as a base brings its own."""

        path: PretrainedPath | None = Field(
            None, description="folder of a saved patch-unet; omitted: the built-in base"
        )
        start: Literal["base", "scratch"] = Field(
            "base", description="from trained weights, or from nothing; the latter needs finetuning"
        )
        patch_size: int = Field(4, ge=1, le=32, description="from scratch: image pixels to one latent cell")
        latent_channels: int = Field(16, ge=1, description="from scratch: principal components kept of each patch")
        channels: Annotated[tuple[int, ...], AfterValidator(_checked_channels)] = Field(
            (48, 96, 128),
            min_length=1,
            description="from scratch: width of each level, multiples of 16; the last attends and is a multiple of 32",
        )
        layers: int = Field(1, ge=1, le=100, description="from scratch: residual blocks of each level")
        conditioning_width: int = Field(64, ge=4, multiple_of=4, description="from scratch: width of a label's vector")

        @model_validator(mode="after")
        def _fits_start(self) -> PatchUNet.Config:
            """Refuse options that would have no effect, instead of ignoring them."""
            if self.start == "scratch" and self.path is not None:
                raise ValueError("start = 'scratch' loads nothing; leave out path, or start = 'scratch'")
            if self.latent_channels > 3 * self.patch_size**2:
                raise ValueError(
                    f"latent_channels = {self.latent_channels}: a patch of {self.patch_size} x {self.patch_size} px "
                    f"has {3 * self.patch_size**2} components; give at most that many"
                )
            changed = [
                name for name in ARCHITECTURE if getattr(self, name) != type(self).model_fields[name].get_default()
            ]
            if self.start == "base" and changed:
                raise ValueError(f"{changed[0]} is an option of start = 'scratch'; a base brings its own architecture")
            return self

    config: Config

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        from diffmine.builtin.models.patch_unet_denoiser import PatchUNetDenoiser

        checkpoint = folder or self._base()
        if checkpoint is not None:
            return PatchUNetDenoiser.from_pretrained(checkpoint, device)
        autoencoder = {"patch_size": self.config.patch_size, "latent_channels": self.config.latent_channels}
        return PatchUNetDenoiser.untrained(self._scratch_unet(), autoencoder, device)

    @property
    def pretrained(self) -> bool:
        return self._base() is not None

    def fingerprint(self) -> str:
        base = self._base()
        return "" if base is None else checkpoint_fingerprint(str(base))

    @property
    def stride(self) -> int:
        return self.architecture()[1]

    def forward_flops(self, height: int, width: int) -> float:
        unet, patch = self.architecture()
        return unet_flops(unet, -(-height // patch), -(-width // patch), tokens=1)

    def _base(self) -> Path | None:
        """Folder of the weights to start from, or None for nothing."""
        if self.config.start == "scratch":
            return None
        if self.config.path is None:
            return BASE if BASE.is_dir() else None
        return Path(self.config.path)

    def architecture(self) -> tuple[Mapping[str, Any], int]:
        """The UNet's configuration, and the side of a patch in pixels."""
        base = self._base()
        if base is None:
            return self._scratch_unet(), self.config.patch_size
        return _json(base / "unet" / "config.json"), _json(base / "vae" / "config.json")["patch_size"]

    def _scratch_unet(self) -> Mapping[str, Any]:
        """Configuration of the ``UNet2DConditionModel``; the condition is added to the time embedding as well."""
        levels = len(self.config.channels)
        plain = levels - 1
        return {
            "in_channels": self.config.latent_channels,
            "out_channels": self.config.latent_channels,
            "block_out_channels": self.config.channels,
            "layers_per_block": self.config.layers,
            "down_block_types": ("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",),
            "mid_block_type": "UNetMidBlock2DCrossAttn",
            "up_block_types": ("CrossAttnUpBlock2D",) + ("UpBlock2D",) * plain,
            "cross_attention_dim": self.config.conditioning_width,
            "attention_head_dim": ATTENTION_HEADS,
            "norm_num_groups": NORM_GROUPS,
            "resnet_time_scale_shift": "scale_shift",
            "addition_embed_type": "text",
            "addition_embed_type_num_heads": 4,
        }


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.parent.parent} is not a patch-unet checkpoint: {error}") from error
    return loaded
