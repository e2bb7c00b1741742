"""What every model built on a diffusers ``UNet2DConditionModel`` shares: prediction and features. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.discrete_denoiser import DiscreteDenoiser
from diffmine.builtin.models.stopping import output_of
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning


class UNetDenoiser(DiscreteDenoiser):
    """A UNet over latents; subclasses add the autoencoder and ``save``."""

    def __init__(self, unet: UNet2DConditionModel, schedule: Mapping[str, Any], *, stride: int) -> None:
        """Take a loaded UNet, already on its device.

        Args:
            unet: the network.
            schedule: see :class:`DiscreteDenoiser`.
            stride: image pixels to one latent cell.
        """
        super().__init__(schedule)
        _check(unet)
        self._unet: Any = unet.to(memory_format=torch.channels_last)
        self.device, self.dtype = unet.device, unet.dtype
        self.latent_channels = unet.config.in_channels
        self.stride = stride
        self.num_blocks = len(unet.up_blocks)
        self.size_multiple = stride * 2 ** (self.num_blocks - 1)

    @property
    def network(self) -> torch.nn.Module:
        unet: torch.nn.Module = self._unet
        return unet

    @property
    def conditioning_width(self) -> int:
        width: int | tuple[int, ...] = self._unet.config.encoder_hid_dim or self._unet.config.cross_attention_dim
        return width if isinstance(width, int) else width[0]

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        prediction: Tensor = self._unet(**self._inputs(noisy, timesteps, conditioning)).sample
        return prediction.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        inputs = self._inputs(noisy, timesteps, conditioning)
        features: Tensor = output_of(self._unet, self._unet.up_blocks[block], **inputs)
        return features.float()

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        dtype = self._unet.dtype
        return {
            "sample": noisy.to(dtype, memory_format=torch.channels_last),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "encoder_attention_mask": conditioning.mask,
        }


def _check(unet: UNet2DConditionModel) -> None:
    """Refuse UNets that need more than latents, a timestep and tokens."""
    config = unet.config
    if config.addition_embed_type not in (None, "text") or config.class_embed_type is not None:
        raise ModelError(
            f"this UNet asks for further conditions (addition_embed_type = {config.addition_embed_type!r}, "
            f"class_embed_type = {config.class_embed_type!r}), as SDXL does; use a Stable Diffusion 1 or 2 checkpoint"
        )
    if config.in_channels != config.out_channels:
        raise ModelError(
            f"this UNet takes {config.in_channels} channels and gives {config.out_channels}, as inpainting models do; "
            "use a text-to-image checkpoint"
        )
