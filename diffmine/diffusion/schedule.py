"""The noise schedule of any denoiser, read off the denoiser itself. Imports torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from diffmine.diffusion.loss_scorer import Weighting
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser


class Coefficients(NamedTuple):
    """z_t = signal z + noise e, and the model's target = target_signal z + target_noise e; each (batch, 1, 1, 1)."""

    signal: Tensor
    noise: Tensor
    target_signal: Tensor
    target_noise: Tensor

    @property
    def determinant(self) -> Tensor:
        """Of the map from (z, e) to (z_t, target)."""
        return self.signal * self.target_noise - self.noise * self.target_signal

    def clean(self, noisy: Tensor, prediction: Tensor) -> Tensor:
        """The z that ``noisy`` and ``prediction``, each (batch, channels, h, w), imply."""
        return (self.target_noise * noisy - self.noise * prediction) / self.determinant

    def residue(self, noisy: Tensor, prediction: Tensor) -> Tensor:
        """The noise e that ``noisy`` and ``prediction``, each (batch, channels, h, w), imply."""
        return (self.signal * prediction - self.target_signal * noisy) / self.determinant


def coefficients(denoiser: Denoiser, timesteps: Tensor) -> Coefficients:
    """The schedule at ``timesteps``, (batch,), whatever the model predicts: both maps are linear in (z, e)."""
    one = torch.ones(len(timesteps), 1, 1, 1, device=timesteps.device)
    zero = torch.zeros_like(one)
    return Coefficients(
        denoiser.add_noise(one, zero, timesteps),
        denoiser.add_noise(zero, one, timesteps),
        denoiser.target(one, zero, timesteps),
        denoiser.target(zero, one, timesteps),
    )


def error_weights(denoiser: Denoiser, timesteps: Tensor, weighting: Weighting) -> Tensor:
    """What a squared error of the model's own target is worth as one of the noise, of the clean latent, or of v.

    z_t is given, so an error d of the target (whatever it is) is an error (signal / determinant) d of the noise,
    (noise / determinant) d of the clean latent, and ``sqrt(signal^2 + noise^2) / determinant`` d of v, which is
    (signal e - noise z) / sqrt(signal^2 + noise^2): Salimans & Ho 2022, appendix D, with z_t at unit scale. So with
    alpha_bar_t of DDPM a squared error of v is one of the noise over alpha_bar_t, and one of the clean latent is one of
    the noise times (1 - alpha_bar_t) / alpha_bar_t; with flow matching at sigma, a squared error of the velocity is one
    of the noise over (1 - sigma)^2, one of the clean latent over sigma^2, and one of v over (1 - sigma)^2 + sigma^2.

    Args:
        denoiser: the model.
        timesteps: (batch,).
        weighting: the parameterisation wanted; ``model``: the model's own.
    Returns:
        float32, (batch,), what to multiply squared errors and squared differences of predictions with.
    Raises:
        ModelError: the noisy latent and the target do not determine the clean latent and the noise.
    """
    if weighting == "model":
        return torch.ones(len(timesteps), device=timesteps.device)
    parts = coefficients(denoiser, timesteps)
    factors = {
        "epsilon": parts.signal,
        "sample": parts.noise,
        "v": (parts.signal.square() + parts.noise.square()).sqrt(),
    }
    weights = (factors[weighting] / parts.determinant).square().flatten().float()
    if not weights.isfinite().all():
        raise ModelError(
            f"errors of this model cannot be told as errors of {weighting!r}: at some timestep its add_noise and "
            'target do not determine the noise; set scorer.weighting = "model"'
        )
    return weights
