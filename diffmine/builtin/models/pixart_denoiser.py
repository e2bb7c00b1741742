"""PixArt, from the picture to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of, tokens_to_grid
from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.latent_diffusion import (
    alpha_bar,
    discrete_timesteps,
    noised,
    scheduler_of,
    signal_to_noise,
    to_latents,
    to_pixels,
    velocity,
)
from diffmine.interfaces import Conditioning, Denoiser, TextEncoder
from diffmine.weights.pretrained import read_settings

CONTEXTS = {"PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300}
"""Tokens of a prompt, by pipeline."""


class PixArtDenoiser(Denoiser):
    """A transformer over the latents of an ``AutoencoderKL``, with the noise schedule of DDPM.

    Attributes:
        autoencoder: frozen, in float32.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the network predicts neither noise nor v.
        """
        transformer = checkpoint.network
        self._checkpoint, self.autoencoder = checkpoint, checkpoint.autoencoder
        self._transformer: Any = transformer
        self._scheduler = scheduler_of(checkpoint.schedule)
        self.device, self.dtype = transformer.device, transformer.dtype
        self.latent_channels, self.stride = transformer.config.in_channels, checkpoint.autoencoder_stride
        self.size_multiple = self.stride * transformer.config.patch_size
        self.num_blocks = len(transformer.transformer_blocks)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> PixArtDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, PixArtTransformer2DModel, "transformer", device, options))

    @property
    def network(self) -> torch.nn.Module:
        transformer: torch.nn.Module = self._transformer
        return transformer

    @property
    def conditioning_width(self) -> int:
        config = self._transformer.config
        width: int = config.caption_channels or config.cross_attention_dim
        return width

    def encode(self, pixels: Tensor) -> Tensor:
        """z = scaling_factor * mode of q(z | x)."""
        return to_latents(self.autoencoder, pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return to_pixels(self.autoencoder, latents)

    def timesteps(self, fractions: Tensor) -> Tensor:
        """t = fraction * number of training timesteps (1000), rounded down."""
        return discrete_timesteps(fractions, self._scheduler.config.num_train_timesteps).to(self.device)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """z_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise."""
        return noised(latents, noise, alpha_bar(self._scheduler, timesteps, latents))

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The noise, or v = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) z, as the checkpoint was trained."""
        if self._scheduler.config.prediction_type == "epsilon":
            return noise
        return velocity(latents, noise, alpha_bar(self._scheduler, timesteps, latents))

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the transformer makes of z_t, t and the prompt; the variance that it predicts as well is left out."""
        prediction: Tensor = self._transformer(**self._inputs(noisy, timesteps, conditioning)).sample
        return prediction[:, : self.latent_channels].float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The tokens after transformer block ``block``, on their grid; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        tokens: Tensor = output_of(self._transformer, self._transformer.transformer_blocks[block], **inputs)
        return tokens_to_grid(tokens, noisy, self._transformer.config.patch_size)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""
        dtype = self._transformer.dtype
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "encoder_attention_mask": conditioning.mask,
            "added_cond_kwargs": self._picture_size(noisy),
        }

    def _picture_size(self, noisy: Tensor) -> dict[str, Tensor | None]:
        """Checkpoints of 1024 px are told the picture's size and aspect ratio."""
        if not self._transformer.use_additional_conditions:
            return {"resolution": None, "aspect_ratio": None}
        height, width = (side * self.stride for side in noisy.shape[-2:])
        size = torch.tensor([[height, width]], device=noisy.device, dtype=self._transformer.dtype)
        ratio = torch.tensor([[height / width]], device=noisy.device, dtype=self._transformer.dtype)
        return {"resolution": size.expand(len(noisy), -1), "aspect_ratio": ratio.expand(len(noisy), -1)}

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        return signal_to_noise(self._scheduler, timesteps)

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.t5_encoder import T5TextEncoder

        source = self._checkpoint
        if not source.has("text_encoder"):
            return None
        context = CONTEXTS.get(read_settings(source.folder, "model_index.json")["_class_name"], 300)
        return T5TextEncoder.from_pretrained(source, self.device, context=context, dtype=self.dtype)

    def prepare_training(self) -> None:
        self._checkpoint.reload_precisely()

    def save(self, folder: Path) -> None:
        """Write the transformer and copy the frozen parts; the result loads in the pipeline that it came from."""
        self._checkpoint.save(folder)
