"""What models with a ``UNet2DConditionModel`` share. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.blocks import output_of
from diffmine.builtin.models.schedules import DdpmDenoiser
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning


class UNetDenoiser(DdpmDenoiser):
    """A UNet with the noise schedule of DDPM, told a timestep and tokens."""

    def _use_unet(self, unet: UNet2DConditionModel, stride: int) -> None:
        """Take a loaded UNet, on its device, over latents of ``stride`` image pixels to a cell."""
        self._network: Any = unet.to(memory_format=torch.channels_last)  # faster convolutions, the same numbers
        self.device, self.dtype = unet.device, unet.dtype
        self.num_blocks = len(unet.up_blocks)
        self.size_multiple = stride * 2 ** (self.num_blocks - 1)  # each up-block but the last doubles its grid's sides

    @property
    def network(self) -> torch.nn.Module:
        unet: torch.nn.Module = self._network
        return unet

    @property
    def conditioning_width(self) -> int:
        """Width of the tokens; where the UNet projects them first, the width before that."""
        config = self._network.config
        width: int | tuple[int, ...] = config.encoder_hid_dim or config.cross_attention_dim
        return width if isinstance(width, int) else width[0]

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the UNet makes of z_t, t and the condition."""
        prediction: Tensor = self._network(**self._inputs(noisy, timesteps, conditioning)).sample
        return prediction.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """What up-block ``block`` gives; the forward is left there."""
        inputs = self._inputs(noisy, timesteps, conditioning)
        features: Tensor = output_of(self._network, self._network.up_blocks[block], **inputs)
        return features.float()

    def _inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The UNet's arguments, in its own precision; pictures lie in memory as its weights do, channels last."""
        dtype = self._network.dtype
        return {
            "sample": noisy.to(dtype, memory_format=torch.channels_last),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "encoder_attention_mask": conditioning.mask,
        }


def check_plain(unet: UNet2DConditionModel) -> None:
    """Refuse UNets that need more than latents, a timestep and tokens.

    Raises:
        ModelError: with what it asks for.
    """
    config = unet.config
    if config.addition_embed_type == "text_time":
        raise ModelError(
            "this UNet is told a pooled vector and sizes as well, as that of Stable Diffusion XL; "
            'set model.use = "stable-diffusion-xl"'
        )
    if config.addition_embed_type not in (None, "text"):
        _refuse_conditions(config, "a Stable Diffusion 1 or 2 checkpoint")
    check_latents_only(unet, "a Stable Diffusion 1 or 2 checkpoint")


def check_latents_only(unet: UNet2DConditionModel, instead: str) -> None:
    """Refuse UNets that are given classes, other pictures, or the strength of guidance.

    Args:
        unet: the network.
        instead: what to use, in words.
    Raises:
        ModelError: with what it asks for.
    """
    config = unet.config
    if config.class_embed_type is not None or config.num_class_embeds is not None:
        _refuse_conditions(config, instead)
    if config.in_channels != config.out_channels:
        raise ModelError(
            f"this UNet takes {config.in_channels} channels and gives {config.out_channels}, as models do that are "
            f"given another picture, such as those for in-painting; use a text-to-image checkpoint, {instead}"
        )
    if config.time_cond_proj_dim is not None:
        raise ModelError(
            "this UNet is told the strength of guidance (time_cond_proj_dim), as consistency models are; "
            f"use the checkpoint that it was distilled from, {instead}"
        )


def _refuse_conditions(config: Any, instead: str) -> None:
    asked = {name: config[name] for name in ("addition_embed_type", "class_embed_type", "num_class_embeds")}
    raise ModelError(
        f"this UNet asks for further conditions ({', '.join(f'{name} = {value!r}' for name, value in asked.items())}); "
        f"use {instead}"
    )
