"""The formulas that the models share, as small functions: latents, and the noise schedule of DDPM.

alpha_bar_t, the share of the latent's variance that is kept at timestep t, falls from 1 to 0 (Ho et al. 2020, eq. 4).
Imports torch and diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from diffmine.errors import ModelError

PREDICTIONS = ("epsilon", "v_prediction")
OTHER_SCHEDULES = ("FlowMatch", "EDM")
"""What the names of diffusers' schedulers begin with whose noise is not that of DDPM."""
ROUNDING = 1e-3
"""In timesteps: more than what a float32 fraction is off by."""


def to_latents(autoencoder: Any, pixels: Tensor) -> Tensor:
    """z = scaling_factor * (mode of q(z | x) - shift_factor) (Rombach et al. 2022, section 3.1).

    The factors are the autoencoder's own: 0.18215 and no shift in Stable Diffusion 1 and 2.
    """
    config = autoencoder.config
    mode: Tensor = autoencoder.encode(pixels.to(autoencoder.device, torch.float32)).latent_dist.mode()
    latents: Tensor = (mode - (config.shift_factor or 0.0)) * config.scaling_factor
    return latents


def to_pixels(autoencoder: Any, latents: Tensor) -> Tensor:
    """x = decode(z / scaling_factor + shift_factor), clamped to [-1, 1]."""
    config = autoencoder.config
    pixels: Tensor = autoencoder.decode(latents.float() / config.scaling_factor + (config.shift_factor or 0.0)).sample
    return pixels.clamp(-1, 1)


def scheduler_of(settings: Mapping[str, Any]) -> Any:
    """A ``DDPMScheduler`` with the betas and the prediction type of any diffusers scheduler's configuration.

    Raises:
        ModelError: it is no schedule of DDPM, or the network predicts neither noise nor v.
    """
    name = settings.get("_class_name", "")
    if name.startswith(OTHER_SCHEDULES):
        raise ModelError(
            f"the checkpoint's scheduler is a {name}, but this model's noise is that of DDPM; "
            "use the scheduler that was published with it, such as a DDIMScheduler or an EulerDiscreteScheduler"
        )
    scheduler = DDPMScheduler.from_config(dict(settings))
    kind: str = scheduler.config.prediction_type
    if kind not in PREDICTIONS:
        raise ModelError(
            f"the checkpoint's scheduler says prediction_type = {kind!r}; supported are {', '.join(PREDICTIONS)}"
        )
    return scheduler


def discrete_timesteps(fractions: Tensor, count: int) -> Tensor:
    """Integers in [0, count): fraction * count, rounded down, so that k / count is k in float32 as in float64."""
    return (fractions.double() * count + ROUNDING).long().clamp_(0, count - 1)


def alpha_bar(scheduler: Any, timesteps: Tensor, like: Tensor) -> Tensor:
    """alpha_bar_t at ``timesteps``, (batch,), on the device and in the precision of ``like``: (batch, 1, 1, 1)."""
    # What stays on the scheduler after the first call is on the device: no copy at each step.
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.to(like.device)
    kept: Tensor = scheduler.alphas_cumprod.to(like.dtype)[timesteps.to(like.device)]
    return kept[:, None, None, None]


def noised(latents: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """z_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, eq. 4)."""
    return kept**0.5 * latents + (1 - kept) ** 0.5 * noise


def velocity(latents: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """v = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) z (Salimans & Ho 2022, appendix D)."""
    return kept**0.5 * noise - (1 - kept) ** 0.5 * latents


def signal_to_noise(scheduler: Any, timesteps: Tensor) -> Tensor:
    """alpha_bar_t / (1 - alpha_bar_t) at ``timesteps``, (batch,)."""
    kept: Tensor = scheduler.alphas_cumprod.to(timesteps.device)[timesteps]
    return kept / (1 - kept)
