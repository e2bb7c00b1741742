"""Stable Diffusion 3, from the picture to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import SD3Transformer2DModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of, tokens_to_grid
from diffmine.builtin.models.checkpoint import Checkpoint, LoadOptions
from diffmine.builtin.models.latent_diffusion import to_latents, to_pixels
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser, TextEncoder


class StableDiffusion3Denoiser(Denoiser):
    """A transformer over the latents of an ``AutoencoderKL``, trained by rectified flow.

    A timestep is sigma times the number of training timesteps, a real number.

    Attributes:
        autoencoder: frozen, in float32.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the schedule is of a kind that is not supported.
        """
        transformer, schedule = checkpoint.network, checkpoint.schedule
        if schedule.get("use_dynamic_shifting"):
            raise ModelError(
                f"the scheduler in {checkpoint.folder} shifts by picture size (use_dynamic_shifting), "
                "which is not supported; use a Stable Diffusion 3 or 3.5 checkpoint"
            )
        self._checkpoint, self.autoencoder = checkpoint, checkpoint.autoencoder
        self._transformer: Any = transformer
        self._steps: int = schedule.get("num_train_timesteps", 1000)
        self._shift: float = schedule.get("shift", 1.0)
        self.device, self.dtype = transformer.device, transformer.dtype
        self.latent_channels, self.stride = transformer.config.in_channels, checkpoint.autoencoder_stride
        self.size_multiple = self.stride * transformer.config.patch_size
        self.num_blocks = len(transformer.transformer_blocks)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> StableDiffusion3Denoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, SD3Transformer2DModel, "transformer", device, options))

    @property
    def network(self) -> torch.nn.Module:
        transformer: torch.nn.Module = self._transformer
        return transformer

    @property
    def conditioning_width(self) -> int:
        width: int = self._transformer.config.joint_attention_dim
        return width

    @property
    def pooled_width(self) -> int:
        width: int = self._transformer.config.pooled_projection_dim
        return width

    def encode(self, pixels: Tensor) -> Tensor:
        """z = scaling_factor * (mode of q(z | x) - shift_factor)."""
        return to_latents(self.autoencoder, pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return to_pixels(self.autoencoder, latents)

    def timesteps(self, fractions: Tensor) -> Tensor:
        """steps * sigma, with sigma = shift * fraction / (1 + (shift - 1) * fraction) (Esser et al. 2024, eq. 23)."""
        place = fractions.double()
        sigma = self._shift * place / (1 + (self._shift - 1) * place)
        return (sigma * self._steps).float().to(self.device)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """z_t = (1 - sigma) z + sigma noise (Esser et al. 2024, eq. 13)."""
        sigma = (timesteps / self._steps)[:, None, None, None].to(latents)
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The velocity noise - z, the same at every timestep (Esser et al. 2024, eq. 14)."""
        return noise - latents

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the transformer makes of z_t, sigma, the prompt's hidden states and its pooled vector."""
        velocity: Tensor = self._transformer(**self._inputs(noisy, timesteps, conditioning)).sample
        return velocity.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The picture's tokens after transformer block ``block``, on their grid; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        _, tokens = output_of(self._transformer, self._transformer.transformer_blocks[block], **inputs)  # text's first
        return tokens_to_grid(tokens, noisy, self._transformer.config.patch_size)

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""
        dtype = self._transformer.dtype
        if conditioning.pooled is None:
            raise ModelError("this model takes a pooled vector as well, which the conditioning encoder does not give")
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "pooled_projections": conditioning.pooled.to(dtype),
        }

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.sd3_encoder import StableDiffusion3TextEncoder

        source = self._checkpoint
        if not (source.has("text_encoder") and source.has("text_encoder_2")):
            return None
        width = self.conditioning_width
        return StableDiffusion3TextEncoder.from_pretrained(source, self.device, width=width, dtype=self.dtype)

    def prepare_training(self) -> None:
        self._checkpoint.reload_precisely()

    def save(self, folder: Path) -> None:
        """Write the transformer and copy the frozen parts; the result loads in the pipeline that it came from."""
        self._checkpoint.save(folder)
