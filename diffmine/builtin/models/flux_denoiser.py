"""Flux, from the latent to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of, tokens_to_grid
from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.checkpoint_denoiser import CheckpointDenoiser, pooled_of
from diffmine.builtin.models.schedules import FlowDenoiser
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, TextEncoder

SIDE = 2
"""Latent cells to one token, along each axis."""


class FluxDenoiser(FlowDenoiser, CheckpointDenoiser):
    """A transformer over packed latents, trained by rectified flow.

    Its blocks are those with streams of their own for picture and text, then those with one stream for both.
    """

    def __init__(self, checkpoint: Checkpoint, *, guidance: float, text_tokens: int, shift_size: int) -> None:
        """Take loaded parts, on their device.

        Args:
            checkpoint: the parts.
            guidance: the strength of guidance that the network is told, where it asks for it.
            text_tokens: tokens that T5 reads of a prompt.
            shift_size: side in pixels of the square whose shift the schedule has.
        Raises:
            ModelError: the network is given other pictures as well, or the schedule is of another kind.
        """
        transformer = checkpoint.network
        _check_latents_only(transformer)
        self._use_checkpoint(checkpoint, transformer.config.in_channels // SIDE**2)
        self.size_multiple = self.stride * SIDE
        self._use_schedule(checkpoint.schedule, shift_of(checkpoint.schedule, (shift_size / self.size_multiple) ** 2))
        self._guidance = guidance if transformer.config.guidance_embeds else None
        self._text_tokens = text_tokens
        self._blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
        self.num_blocks = len(self._blocks)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions, **settings: Any) -> FluxDenoiser:
        """Load a diffusers pipeline folder; ``settings`` as the class takes them.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, FluxTransformer2DModel, "transformer", device, options), **settings)

    @property
    def conditioning_width(self) -> int:
        width: int = self._network.config.joint_attention_dim
        return width

    @property
    def pooled_width(self) -> int:
        width: int = self._network.config.pooled_projection_dim
        return width

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the transformer makes of z_t, sigma, T5's hidden states, CLIP's pooled vector, and the guidance."""
        velocity: Tensor = self._network(**self._inputs(noisy, timesteps, conditioning)).sample
        return unpacked(velocity.float(), noisy)

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The picture's tokens after block ``block``, on their grid; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        _, tokens = output_of(self._network, self._blocks[block], **inputs)  # text's first
        return tokens_to_grid(tokens, noisy, SIDE)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision; it is told sigma and positions in float32."""
        dtype, device = self._network.dtype, noisy.device
        height, width = (side // SIDE for side in noisy.shape[-2:])
        guidance = None if self._guidance is None else torch.full((len(noisy),), self._guidance, device=device)
        return {
            "hidden_states": packed(noisy).to(dtype),
            "timestep": timesteps / self._steps,
            "guidance": guidance,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "pooled_projections": pooled_of(conditioning).to(dtype),
            "img_ids": positions(height, width).to(device),
            "txt_ids": torch.zeros(conditioning.tokens.shape[1], 3, device=device),
        }

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.flux_encoder import FluxTextEncoder

        source = self._checkpoint
        if not (source.has("text_encoder") and source.has("text_encoder_2")):
            return None
        return FluxTextEncoder.from_pretrained(source, self.device, context=self._text_tokens, dtype=self.dtype)


def packed(latents: Tensor) -> Tensor:
    """(batch, channels, h, w) to (batch, h w / 4, 4 channels): squares of 2 x 2 cells, row by row, as tokens."""
    return torch.nn.functional.pixel_unshuffle(latents, SIDE).flatten(2).transpose(1, 2)


def unpacked(tokens: Tensor, like: Tensor) -> Tensor:
    """The inverse of ``packed``, for latents of the shape of ``like``."""
    height, width = (side // SIDE for side in like.shape[-2:])
    return torch.nn.functional.pixel_shuffle(tokens.transpose(1, 2).reshape(len(like), -1, height, width), SIDE)


def positions(height: int, width: int) -> Tensor:
    """Of a picture's tokens, float32, (height width, 3): nothing, row and column; all of a text's are 0."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1).float()


def shift_of(schedule: Mapping[str, Any], tokens: float) -> float:
    """How far a flow's positions are pushed towards noise.

    Args:
        schedule: the scheduler's configuration.
        tokens: of the picture; they count where the checkpoint shifts by picture size, as ``calculate_shift`` of
            diffusers' ``FluxPipeline`` does: mu is linear in them, and the shift exp(mu), or mu where
            ``time_shift_type`` says linear.
    """
    if not schedule.get("use_dynamic_shifting"):
        return float(schedule.get("shift", 1.0))
    fewest, most = schedule.get("base_image_seq_len", 256), schedule.get("max_image_seq_len", 4096)
    low, high = schedule.get("base_shift", 0.5), schedule.get("max_shift", 1.15)
    mu = low + (high - low) * (tokens - fewest) / (most - fewest)
    return float(mu if schedule.get("time_shift_type") == "linear" else math.exp(mu))


def _check_latents_only(transformer: Any) -> None:
    """Refuse transformers that are given another picture.

    Raises:
        ModelError: with what to use.
    """
    taken, given = transformer.config.in_channels, transformer.out_channels
    if taken != given:
        raise ModelError(
            f"this transformer takes {taken} channels and gives {given}, as models do that are given another picture, "
            "such as FLUX.1-Fill; use a text-to-image checkpoint, such as black-forest-labs/FLUX.1-dev"
        )
