"""The ``AutoencoderKL`` that comes with Stable Diffusion and its relatives. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from diffmine.builtin.models.loading import LoadOptions, load_module
from diffmine.errors import ModelError


class LatentAutoencoder:
    """Pixels to scaled latents and back, frozen, always in float32.

    It runs once a picture, so half precision would save little, and several published autoencoders overflow in it.
    """

    def __init__(self, autoencoder: AutoencoderKL, *, tiling: bool) -> None:
        """Take a loaded autoencoder, on its device.

        Args:
            autoencoder: the model.
            tiling: encode and decode large pictures in overlapping tiles; saves memory, changes latents at seams.
        """
        self.module: Any = autoencoder.float().eval().requires_grad_(False)
        self.module.enable_slicing()
        if tiling:
            self.module.enable_tiling()
        config = autoencoder.config
        self.channels: int = config.latent_channels
        self.stride = 2 ** (len(config.block_out_channels) - 1)
        self._scale: float = config.scaling_factor
        self._shift: float = getattr(config, "shift_factor", None) or 0.0

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> LatentAutoencoder:
        """Load ``folder/vae``."""
        autoencoder = load_module(AutoencoderKL, folder, "vae", variant=options.variant, dtype=torch.float32)
        return cls(autoencoder.to(device), tiling=options.vae_tiling)

    def check_fits(self, latent_channels: int) -> None:
        """Refuse a network for other latents.

        Raises:
            ModelError: with both numbers of channels.
        """
        if self.channels != latent_channels:
            raise ModelError(
                f"the checkpoint's autoencoder has {self.channels} latent channels, but its network takes "
                f"{latent_channels}; use parts of one checkpoint"
            )

    def encode(self, pixels: Tensor) -> Tensor:
        """The posterior's mode, shifted and scaled."""
        mode: Tensor = self.module.encode(pixels.to(self.module.device, torch.float32)).latent_dist.mode()
        return (mode - self._shift) * self._scale

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels, clamped to [-1, 1]."""
        pixels: Tensor = self.module.decode(latents.float() / self._scale + self._shift).sample
        return pixels.clamp(-1, 1)
