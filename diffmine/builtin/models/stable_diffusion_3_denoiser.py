"""Stable Diffusion 3, from the latent to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import SD3Transformer2DModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of, tokens_to_grid
from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.checkpoint_denoiser import CheckpointDenoiser, pooled_of
from diffmine.builtin.models.schedules import FlowDenoiser
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, TextEncoder


class StableDiffusion3Denoiser(FlowDenoiser, CheckpointDenoiser):
    """A transformer over latents, trained by rectified flow."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the schedule is of a kind that is not supported.
        """
        schedule, config = checkpoint.schedule, checkpoint.network.config
        if schedule.get("use_dynamic_shifting"):
            raise ModelError(
                f"the scheduler in {checkpoint.folder} shifts by picture size (use_dynamic_shifting), "
                "which is not supported; use a Stable Diffusion 3 or 3.5 checkpoint"
            )
        self._use_checkpoint(checkpoint, config.in_channels)
        self._use_schedule(schedule, schedule.get("shift", 1.0))
        self.size_multiple = self.stride * config.patch_size
        self.num_blocks = len(checkpoint.network.transformer_blocks)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> StableDiffusion3Denoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, SD3Transformer2DModel, "transformer", device, options))

    @property
    def conditioning_width(self) -> int:
        width: int = self._network.config.joint_attention_dim
        return width

    @property
    def pooled_width(self) -> int:
        width: int = self._network.config.pooled_projection_dim
        return width

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the transformer makes of z_t, sigma, the prompt's hidden states and its pooled vector."""
        velocity: Tensor = self._network(**self._inputs(noisy, timesteps, conditioning)).sample
        return velocity.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The picture's tokens after transformer block ``block``, on their grid; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        _, tokens = output_of(self._network, self._network.transformer_blocks[block], **inputs)  # text's first
        return tokens_to_grid(tokens, noisy, self._network.config.patch_size)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""
        dtype = self._network.dtype
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "pooled_projections": pooled_of(conditioning).to(dtype),
        }

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.sd3_encoder import StableDiffusion3TextEncoder

        source = self._checkpoint
        if not (source.has("text_encoder") and source.has("text_encoder_2")):
            return None
        width = self.conditioning_width
        return StableDiffusion3TextEncoder.from_pretrained(source, self.device, width=width, dtype=self.dtype)
