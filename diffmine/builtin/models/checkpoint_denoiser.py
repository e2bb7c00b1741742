"""What denoisers of published pipelines share besides the schedule: the checkpoint's parts. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffmine.builtin.models.checkpoint import Checkpoint
from diffmine.builtin.models.latent_diffusion import to_latents, to_pixels
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser


class CheckpointDenoiser(Denoiser):
    """A network over the latents of an ``AutoencoderKL``.

    Attributes:
        autoencoder: frozen, in float32.
    """

    def _use_checkpoint(self, checkpoint: Checkpoint, latent_channels: int) -> None:
        """Take loaded parts, on their device.

        Args:
            checkpoint: the parts.
            latent_channels: of the latents that the network takes.
        Raises:
            ModelError: the autoencoder gives others.
        """
        encoded = checkpoint.autoencoder.config.latent_channels
        if encoded != latent_channels:
            raise ModelError(
                f"the checkpoint's autoencoder has {encoded} latent channels, but its network takes {latent_channels}; "
                "use parts of one checkpoint"
            )
        self._checkpoint, self.autoencoder = checkpoint, checkpoint.autoencoder
        self._network: Any = checkpoint.network
        self.device, self.dtype = checkpoint.network.device, checkpoint.network.dtype
        self.latent_channels, self.stride = latent_channels, checkpoint.autoencoder_stride

    @property
    def network(self) -> torch.nn.Module:
        network: torch.nn.Module = self._network
        return network

    def encode(self, pixels: Tensor) -> Tensor:
        """z = scaling_factor * (mode of q(z | x) - shift_factor); in Stable Diffusion 1 and 2 0.18215 and no shift."""
        return to_latents(self.autoencoder, pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return to_pixels(self.autoencoder, latents)

    def prepare_training(self) -> None:
        self._checkpoint.reload_precisely()

    def save(self, folder: Path) -> None:
        """Write the network and copy the frozen parts; the result loads in the pipeline that it came from."""
        self._checkpoint.save(folder)


def pooled_of(conditioning: Conditioning) -> Tensor:
    """The pooled vector, (batch, pooled width), for networks that need one.

    Raises:
        ModelError: there is none.
    """
    if conditioning.pooled is None:
        raise ModelError("this model takes a pooled vector as well, which the conditioning encoder does not give")
    return conditioning.pooled
