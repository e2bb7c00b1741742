"""What every model built on a diffusers ``UNet2DConditionModel`` shares: noise, targets, prediction, features.

Imports torch; loaded by the components only when they compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.stopping import output_of
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser

ROUNDING = 1e-3
"""In timesteps: more than what a float32 fraction is off by."""


class UNetDenoiser(Denoiser):
    """A UNet over latents with the discrete noise schedule of DDPM (Ho et al. 2020).

    Subclasses add the autoencoder (``encode``, ``decode``, ``stride``) and ``save``.
    """

    def __init__(self, unet: UNet2DConditionModel, schedule: Mapping[str, Any], *, stride: int) -> None:
        """Take a loaded UNet, already on its device.

        Args:
            unet: the network.
            schedule: configuration of any diffusers scheduler with betas; decides noise and prediction type.
            stride: image pixels to one latent cell.
        """
        _check(unet)
        self._unet: Any = unet.to(memory_format=torch.channels_last)
        self.schedule = DDPMScheduler.from_config(dict(schedule))
        self._target = _target_function(self.schedule)
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

    def timesteps(self, fractions: Tensor) -> Tensor:
        """Integers in [0, number of training timesteps), rounded down; k / number is k in any precision."""
        count: int = self.schedule.config.num_train_timesteps
        return (fractions.double() * count + ROUNDING).long().clamp_(0, count - 1).to(self.device)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """z_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, eq. 4)."""
        noisy: Tensor = self.schedule.add_noise(latents, noise, timesteps)
        return noisy

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The noise, or v = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) z (Salimans & Ho 2022, appendix D)."""
        target: Tensor = self._target(latents, noise, timesteps)
        return target

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        prediction: Tensor = self._unet(**self._inputs(noisy, timesteps, conditioning)).sample
        return prediction.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        inputs = self._inputs(noisy, timesteps, conditioning)
        features: Tensor = output_of(self._unet, self._unet.up_blocks[block], **inputs)
        return features.float()

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        kept: Tensor = self.schedule.alphas_cumprod.to(timesteps.device)[timesteps]
        return kept / (1 - kept)

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


def _target_function(schedule: DDPMScheduler) -> Any:
    kind = schedule.config.prediction_type
    targets = {"epsilon": lambda latents, noise, timesteps: noise, "v_prediction": schedule.get_velocity}
    if kind not in targets:
        raise ModelError(
            f"the checkpoint's scheduler says prediction_type = {kind!r}; supported are {', '.join(sorted(targets))}"
        )
    return targets[kind]
