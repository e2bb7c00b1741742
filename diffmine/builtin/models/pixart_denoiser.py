"""PixArt, from the latent to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of, tokens_to_grid
from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.checkpoint_denoiser import CheckpointDenoiser
from diffmine.builtin.models.schedules import DdpmDenoiser
from diffmine.interfaces import Conditioning, TextEncoder
from diffmine.weights.pretrained import read_settings

CONTEXTS = {"PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300}
"""Tokens of a prompt, by pipeline."""


class PixArtDenoiser(DdpmDenoiser, CheckpointDenoiser):
    """A transformer over latents, with the noise schedule of DDPM."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the network predicts neither noise nor v.
        """
        config = checkpoint.network.config
        self._use_checkpoint(checkpoint, config.in_channels)
        self._use_schedule(checkpoint.schedule)
        self.size_multiple = self.stride * config.patch_size
        self.num_blocks = len(checkpoint.network.transformer_blocks)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> PixArtDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, PixArtTransformer2DModel, "transformer", device, options))

    @property
    def conditioning_width(self) -> int:
        config = self._network.config
        width: int = config.caption_channels or config.cross_attention_dim
        return width

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the transformer makes of z_t, t and the prompt; the variance that it predicts as well is left out."""
        prediction: Tensor = self._network(**self._inputs(noisy, timesteps, conditioning)).sample
        return prediction[:, : self.latent_channels].float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The tokens after transformer block ``block``, on their grid; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        tokens: Tensor = output_of(self._network, self._network.transformer_blocks[block], **inputs)
        return tokens_to_grid(tokens, noisy, self._network.config.patch_size)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""
        dtype = self._network.dtype
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "encoder_attention_mask": conditioning.mask,
            "added_cond_kwargs": self._picture_size(noisy),
        }

    def _picture_size(self, noisy: Tensor) -> dict[str, Tensor | None]:
        """Checkpoints of 1024 px are told the picture's size and aspect ratio."""
        if not self._network.use_additional_conditions:
            return {"resolution": None, "aspect_ratio": None}
        height, width = (side * self.stride for side in noisy.shape[-2:])
        size = torch.tensor([[height, width]], device=noisy.device, dtype=self._network.dtype)
        ratio = torch.tensor([[height / width]], device=noisy.device, dtype=self._network.dtype)
        return {"resolution": size.expand(len(noisy), -1), "aspect_ratio": ratio.expand(len(noisy), -1)}

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.t5_encoder import T5TextEncoder

        source = self._checkpoint
        if not source.has("text_encoder"):
            return None
        context = CONTEXTS.get(read_settings(source.folder, "model_index.json")["_class_name"], 300)
        return T5TextEncoder.from_pretrained(source, self.device, context=context, dtype=self.dtype)
