"""Stable Diffusion XL (Podell et al. 2023). Imports torch; loaded when it computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.checkpoint_denoiser import CheckpointDenoiser, pooled_of
from diffmine.builtin.models.unet_denoiser import UNetDenoiser, check_latents_only
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, TextEncoder
from diffmine.weights.pretrained import read_settings

SIZES = 6
"""Numbers of which the model is told: two each of original size, cut-off and target size."""
INSTEAD = "such as stabilityai/stable-diffusion-xl-base-1.0"


@dataclass(frozen=True, slots=True)
class Framing:
    """What the model is told of how a picture was scaled and cut (Podell et al. 2023, section 2.2), in pixels.

    Attributes:
        original_size: height and width before it was scaled; None: those that the model sees.
        crop_top_left: what was cut off at the top and at the left.
    """

    original_size: tuple[int, int] | None = None
    crop_top_left: tuple[int, int] = (0, 0)

    def time_ids(self, height: int, width: int) -> tuple[int, ...]:
        """Original size, cut-off, and target size, which is that of the picture as the model sees it."""
        return (*(self.original_size or (height, width)), *self.crop_top_left, height, width)


class StableDiffusionXLDenoiser(UNetDenoiser, CheckpointDenoiser):
    """A UNet over the latents of an ``AutoencoderKL``, with the noise schedule of DDPM."""

    def __init__(self, checkpoint: Checkpoint, framing: Framing) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the UNet is of another family, or predicts neither noise nor v.
        """
        _check_xl(checkpoint)
        self._use_checkpoint(checkpoint, checkpoint.network.config.in_channels)
        self._use_unet(checkpoint.network, self.stride)
        self._use_schedule(checkpoint.schedule)
        self._framing = framing

    @classmethod
    def from_pretrained(
        cls, folder: Path, device: torch.device, options: LoadOptions, framing: Framing
    ) -> StableDiffusionXLDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, UNet2DConditionModel, "unet", device, options), framing)

    @property
    def pooled_width(self) -> int:
        config = self._network.config
        return int(config.projection_class_embeddings_input_dim - SIZES * config.addition_time_embed_dim)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The UNet's arguments; the pooled vector and the sizes are added to the embedding of the timestep."""
        height, width = (side * self.stride for side in noisy.shape[-2:])
        time_ids = torch.tensor([self._framing.time_ids(height, width)], dtype=torch.float32, device=noisy.device)
        added = {
            "text_embeds": pooled_of(conditioning).to(self._network.dtype),
            "time_ids": time_ids.expand(len(noisy), -1),
        }
        return {**super()._inputs(noisy, timesteps, conditioning), "added_cond_kwargs": added}

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.sdxl_encoder import StableDiffusionXLTextEncoder

        source = self._checkpoint
        if not (source.has("text_encoder") and source.has("text_encoder_2")):
            return None
        zeros = read_settings(source.folder, "model_index.json").get("force_zeros_for_empty_prompt", True)
        return StableDiffusionXLTextEncoder.from_pretrained(source, self.device, zeros_for_empty=zeros)


def _check_xl(checkpoint: Checkpoint) -> None:
    """Refuse UNets of other families.

    Raises:
        ModelError: with what it is, and what to use.
    """
    config = checkpoint.network.config
    if config.addition_embed_type != "text_time":
        raise ModelError(
            f"this UNet is not that of Stable Diffusion XL (addition_embed_type = {config.addition_embed_type!r}); "
            f'set model.use = "stable-diffusion" for Stable Diffusion 1 or 2, or use a checkpoint {INSTEAD}'
        )
    if read_settings(checkpoint.folder, "model_index.json").get("requires_aesthetics_score"):
        raise ModelError(
            "this is the refiner of Stable Diffusion XL, which is told how pleasing a picture is and only knows little "
            f"noise; use the base model, {INSTEAD}"
        )
    check_latents_only(checkpoint.network, INSTEAD)
