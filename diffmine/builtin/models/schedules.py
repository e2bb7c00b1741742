"""The two noise schedules of published models: DDPM and rectified flow. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from diffmine.builtin.models.latent_diffusion import (
    alpha_bar,
    discrete_timesteps,
    noised,
    scheduler_of,
    signal_to_noise,
    velocity,
)
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser

FLOW = "FlowMatch"
"""What the names of diffusers' schedulers for flows begin with."""


class DdpmDenoiser(Denoiser):
    """A network that predicts noise or v on the schedule of DDPM; a timestep is a whole number."""

    def _use_schedule(self, schedule: Mapping[str, Any]) -> None:
        """Take the schedule from a diffusers scheduler's configuration.

        Raises:
            ModelError: it is no schedule of DDPM, or the network predicts neither noise nor v.
        """
        self._scheduler = scheduler_of(schedule)

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

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        return signal_to_noise(self._scheduler, timesteps)


class FlowDenoiser(Denoiser):
    """A network that predicts the velocity of rectified flow; a timestep is sigma * number of training timesteps."""

    def _use_schedule(self, schedule: Mapping[str, Any], shift: float) -> None:
        """Take the schedule.

        Args:
            schedule: the configuration of diffusers' ``FlowMatchEulerDiscreteScheduler``.
            shift: how far positions are pushed towards noise; 1: not at all.
        Raises:
            ModelError: it is no schedule of a flow.
        """
        kind = schedule.get("_class_name", FLOW)
        if not kind.startswith(FLOW):
            raise ModelError(
                f"the checkpoint's scheduler is a {kind}, but this model is trained by flow matching; "
                "use the scheduler that was published with it, a FlowMatchEulerDiscreteScheduler"
            )
        self._steps: int = schedule.get("num_train_timesteps", 1000)
        self._shift = shift

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
