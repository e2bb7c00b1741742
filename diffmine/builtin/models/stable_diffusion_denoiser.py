"""Stable Diffusion 1 and 2. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.checkpoint_denoiser import CheckpointDenoiser
from diffmine.builtin.models.unet_denoiser import UNetDenoiser, check_plain
from diffmine.interfaces import TextEncoder


class StableDiffusionDenoiser(UNetDenoiser, CheckpointDenoiser):
    """A UNet over the latents of an ``AutoencoderKL``, with the noise schedule of DDPM, told by CLIP."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the UNet needs more than latents, a timestep and tokens, or predicts neither noise nor v.
        """
        check_plain(checkpoint.network)
        self._use_checkpoint(checkpoint, checkpoint.network.config.in_channels)
        self._use_unet(checkpoint.network, self.stride)
        self._use_schedule(checkpoint.schedule)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> StableDiffusionDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, UNet2DConditionModel, "unet", device, options))

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder

        source = self._checkpoint
        if not source.has("text_encoder"):
            return None
        return ClipTextEncoder.from_pretrained(source.folder, self.device, variant=source.variant)
