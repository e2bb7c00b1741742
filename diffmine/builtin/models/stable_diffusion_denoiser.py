"""Stable Diffusion 1 and 2, from the picture to the prediction, in order. Imports torch; loaded when it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of
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
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser, TextEncoder


class StableDiffusionDenoiser(Denoiser):
    """A UNet over the latents of an ``AutoencoderKL``, with the noise schedule of DDPM.

    Attributes:
        autoencoder: frozen, in float32.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take loaded parts, on their device.

        Raises:
            ModelError: the UNet needs more than latents, a timestep and tokens, or predicts neither noise nor v.
        """
        unet = checkpoint.network
        check_unet(unet)
        self._checkpoint, self.autoencoder = checkpoint, checkpoint.autoencoder
        self._unet: Any = unet.to(memory_format=torch.channels_last)  # faster convolutions, the same numbers
        self._scheduler = scheduler_of(checkpoint.schedule)
        self.device, self.dtype = unet.device, unet.dtype
        self.latent_channels, self.stride = unet.config.in_channels, checkpoint.autoencoder_stride
        self.num_blocks = len(unet.up_blocks)
        self.size_multiple = unet_multiple(unet, self.stride)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> StableDiffusionDenoiser:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        return cls(Checkpoint.load(folder, UNet2DConditionModel, "unet", device, options))

    @property
    def network(self) -> torch.nn.Module:
        unet: torch.nn.Module = self._unet
        return unet

    @property
    def conditioning_width(self) -> int:
        return unet_conditioning_width(self._unet)

    def encode(self, pixels: Tensor) -> Tensor:
        """z = scaling_factor * mode of q(z | x); the factor is 0.18215 in the published models."""
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
        """What the UNet makes of z_t, t and the prompt's hidden states."""
        prediction: Tensor = self._unet(**unet_inputs(self._unet, noisy, timesteps, conditioning)).sample
        return prediction.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """What up-block ``block`` gives; the forward is left there."""
        inputs = unet_inputs(self._unet, noisy, timesteps, conditioning)
        features: Tensor = output_of(self._unet, self._unet.up_blocks[block], **inputs)
        return features.float()

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        return signal_to_noise(self._scheduler, timesteps)

    def text_encoder(self) -> TextEncoder | None:
        from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder

        source = self._checkpoint
        if not source.has("text_encoder"):
            return None
        return ClipTextEncoder.from_pretrained(source.folder, self.device, variant=source.variant)

    def prepare_training(self) -> None:
        self._checkpoint.reload_precisely()

    def save(self, folder: Path) -> None:
        """Write the UNet and copy the frozen parts; the result loads in the pipeline that it came from."""
        self._checkpoint.save(folder)


def unet_inputs(unet: Any, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
    """The UNet's arguments, in its own precision; pictures lie in memory as its weights do, channels last."""
    return {
        "sample": noisy.to(unet.dtype, memory_format=torch.channels_last),
        "timestep": timesteps,
        "encoder_hidden_states": conditioning.tokens.to(unet.dtype),
        "encoder_attention_mask": conditioning.mask,
    }


def unet_multiple(unet: Any, stride: int) -> int:
    """What the sides of a picture must be multiples of: each up-block but the last doubles the sides of its grid."""
    return int(stride * 2 ** (len(unet.up_blocks) - 1))


def unet_conditioning_width(unet: Any) -> int:
    """Width of the tokens; where the UNet projects them first, the width before that."""
    width: int | tuple[int, ...] = unet.config.encoder_hid_dim or unet.config.cross_attention_dim
    return width if isinstance(width, int) else width[0]


def check_unet(unet: Any) -> None:
    """Refuse UNets that need more than latents, a timestep and tokens.

    Raises:
        ModelError: with what it asks for.
    """
    config = unet.config
    if config.addition_embed_type == "text_time":
        raise ModelError("Stable Diffusion XL is not supported yet; use a Stable Diffusion 1 or 2 checkpoint")
    if config.addition_embed_type not in (None, "text") or config.class_embed_type is not None:
        raise ModelError(
            f"this UNet asks for further conditions (addition_embed_type = {config.addition_embed_type!r}, "
            f"class_embed_type = {config.class_embed_type!r}); use a Stable Diffusion 1 or 2 checkpoint"
        )
    if config.in_channels != config.out_channels:
        raise ModelError(
            f"this UNet takes {config.in_channels} channels and gives {config.out_channels}, as inpainting models do; "
            "use a text-to-image checkpoint"
        )
