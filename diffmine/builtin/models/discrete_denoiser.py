"""Noise and targets of models with the discrete schedule of DDPM. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diffusers import DDPMScheduler
from torch import Tensor

from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser

ROUNDING = 1e-3
"""In timesteps: more than what a float32 fraction is off by."""


class DiscreteDenoiser(Denoiser):
    """The forward process of Ho et al. 2020, with epsilon or v as the target; subclasses add the network."""

    def __init__(self, schedule: Mapping[str, Any]) -> None:
        """Take the configuration of any diffusers scheduler with betas; it decides noise and prediction type."""
        self.schedule = DDPMScheduler.from_config(dict(schedule))
        self._target = _target_function(self.schedule)

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
        return self._target(latents, noise, timesteps)

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        kept: Tensor = self.schedule.alphas_cumprod.to(timesteps.device)[timesteps]
        return kept / (1 - kept)


def _target_function(schedule: DDPMScheduler) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    kind: str = schedule.config.prediction_type
    targets: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
        "epsilon": lambda latents, noise, timesteps: noise,
        "v_prediction": schedule.get_velocity,
    }
    if kind not in targets:
        raise ModelError(
            f"the checkpoint's scheduler says prediction_type = {kind!r}; supported are {', '.join(sorted(targets))}"
        )
    return targets[kind]
